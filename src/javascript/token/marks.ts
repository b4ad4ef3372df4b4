// By what the bytes of a program at rest begin.

export const tokenMagic = [0x77, 0x62, 0x6a, 1] as const;
export const sealMagic = [0x77, 0x62, 0x73, 1] as const;

/** Where the beginning of its image's hash stands in a token, and how long that is: its program follows. */
export const imageAt = tokenMagic.length + 1;
export const imageBytes = 16;

/** Whether bytes are a token, as far as their beginning tells. */
export const isToken = (bytes: Uint8Array): boolean =>
  bytes.length >= imageAt + imageBytes && tokenMagic.every((byte, i) => bytes[i] === byte);

/** Whether bytes are a sealed token, as far as their beginning tells. */
export const isSealed = (bytes: Uint8Array): boolean => sealMagic.every((byte, i) => bytes[i] === byte);
