// One saved program in IndexedDB, which takes bytes as they are and outlives page, tab and browser.

/** The bytes are the program; the rest is the page's own. @typedef {{ bytes: Uint8Array, depths: number[], savedAt: number }} Saved */

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const answer = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const opened = (() => {
  const request = indexedDB.open('wasbox-maze', 1);
  request.onupgradeneeded = () => request.result.createObjectStore('programs');
  return answer(request);
})();

/** One change, which resolves once it is on the disk. @param {(programs: IDBObjectStore) => void} change */
async function change(change) {
  const transaction = (await opened).transaction('programs', 'readwrite', { durability: 'strict' });
  change(transaction.objectStore('programs'));
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
}

export const stored = {
  /** @returns {Promise<Saved | undefined>} */
  get: async () => answer((await opened).transaction('programs').objectStore('programs').get('maze')),
  /** @param {Saved} saved */
  put: (saved) => change((programs) => programs.put(saved, 'maze')),
  forget: () => change((programs) => programs.delete('maze')),
};
