// Opens a bucket of S3 by its URL, `s3://BUCKET/PREFIX?endpoint=…&region=…&forcePathStyle=…`. What the URL does not tell is taken
// from where all users of the SDK tell it: `AWS_REGION`, `AWS_ENDPOINT_URL_S3`, profiles; and credentials only from there.

import { UsageError } from '../../spec/errors.ts';
import { attempt, quoted } from '../../spec/told.ts';
import { S3Place } from './place.ts';

interface Settings {
  readonly bucket: string;
  readonly prefix: string;
  readonly endpoint: string | undefined;
  readonly region: string | undefined;
  readonly forcePathStyle: boolean;
}

/** Rejects with StoreError and UsageError; with what Node says where the package `@aws-sdk/client-s3` is not there. */
export async function openS3(url: URL, timeout: number): Promise<S3Place> {
  const { bucket, prefix, endpoint, region, forcePathStyle } = settingsOf(url);
  const { S3 } = await import('@aws-sdk/client-s3');
  const client = new S3({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    forcePathStyle,
    // What is read has a hash of its own.
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const base = prefix === '' ? '' : `${prefix}/`;
  const place = new S3Place({ client, bucket, base, where: `s3://${bucket}/${prefix}`, timeout });
  try {
    await checkRegion(client.config);
    await place.check();
  } catch (error) {
    await place.close();
    throw error;
  }
  return place;
}

async function checkRegion({ region }: { region(): Promise<string> }): Promise<void> {
  await region().catch(() => {
    throw new UsageError('S3 wants a region: tell it by ?region= in the URL, or by AWS_REGION');
  });
}

/** Throws UsageError, in which nothing of the URL is that may be a secret. */
function settingsOf(url: URL): Settings {
  if (url.username !== '' || url.password !== '')
    throw new UsageError(
      'the URL of a bucket has no credentials: the SDK takes them from its environment and profiles',
    );
  const prefix = attempt(() => decodeURIComponent(url.pathname), '\0').replace(/^\/+|\/+$/g, '');
  if (url.hostname === '' || url.port !== '' || /\p{Cc}/u.test(prefix) || Buffer.byteLength(prefix) > 500)
    throw new UsageError(
      'the URL of a bucket must be s3://BUCKET or s3://BUCKET/PREFIX, with a prefix of at most 500 bytes',
    );
  const { endpoint, region, forcePathStyle, ...others } = Object.fromEntries(url.searchParams);
  for (const name of Object.keys(others)) throw new UsageError(`the URL of a bucket has no ${quoted(name)}`);
  if (forcePathStyle !== undefined && !/^(true|false)$/.test(forcePathStyle))
    throw new UsageError('forcePathStyle in the URL of a bucket must be true or false');
  checkEndpoint(endpoint);
  // Servers of one's own seldom have a name for each bucket.
  const isOther = (endpoint ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL) !== undefined;
  const isPathStyle = forcePathStyle === undefined ? isOther : forcePathStyle === 'true';
  return { bucket: url.hostname, prefix, endpoint, region, forcePathStyle: isPathStyle };
}

function checkEndpoint(endpoint: string | undefined): void {
  if (endpoint === undefined) return;
  const url = attempt(() => new URL(endpoint), undefined);
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!isPlain || !/^https?:$/.test(url.protocol))
    throw new UsageError('the endpoint of a bucket must be an http or https URL, without credentials');
}
