// Large blobs in S3, beside a database that has all else: what every store does, what is collected, and what is told where the server
// is away, slow, killed, has lost or changed bytes, or lets us not in. servers/s3.ts says what the server cannot show; what of that can be
// said in an answer is shown by one that the test writes.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inspect, promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { blobName, type NewBlob, openStore, type Store, type StoreOptions } from '../../src/store/disk/index.ts';
import { toldPlace } from '../../src/store/open/url.ts';
import { Network } from '../servers/network.ts';
import { becomeUser, S3Server } from '../servers/s3.ts';
import { withRedis } from '../servers/tests.ts';
import { conformance } from './conformance.ts';
import { endServers, kinds } from './kinds.ts';

becomeUser();
let shared: Promise<S3Server> | undefined;
const s3 = (): Promise<S3Server> => {
  shared ??= S3Server.start();
  return shared;
};
test.after.always(async () => {
  await (await shared)?.remove();
  await endServers();
});

const large = (i: number, bytes = 5000) => ({ bytes: new Uint8Array(bytes).fill(i) });
const small = (i: number) => large(i, 50);
const set = (name: string, expected: number, ...blobs: NewBlob[]) => ({
  blobs,
  heads: [{ name, expected, state: { links: blobs.map(blobName) } }],
});
const prefixOf = (id: string) => id.replaceAll(/[^a-z0-9]+/g, '-').slice(0, 40);

/** Whatever comes of the test, it ends. */
async function opened(t: ExecutionContext, id: string, at: string, options?: StoreOptions): Promise<Store> {
  const store = await kinds.redis.open(id, { large: { store: at, from: 1000 }, ...options });
  t.teardown(() => store.close());
  return store;
}

/** What it rejects with. No key of ours is `secret`, wherever one looks. */
async function refused(t: ExecutionContext, act: () => Promise<unknown>): Promise<{ reason: string; message: string }> {
  const error = (await t.throwsAsync(act)) as Error & { code: string; reason?: string };
  const all = [error.message, error.stack, JSON.stringify(error), inspect(error, { depth: 9, showHidden: true })];
  t.notRegex(all.join('\n'), /s[e3]cr[e3]t|S3RVER/);
  return { reason: error.code === 'store' ? `${error.reason}` : error.code, message: error.message };
}

// ---- what every store does

for (const { title, run } of conformance)
  withRedis(`redis and S3: ${title}`, async (t) => {
    const at = (await s3()).at(prefixOf(title));
    const store = await opened(t, `s3 ${title}`, at, { large: { store: at, from: 4 } });
    await t.notThrowsAsync(run(store));
  });

for (const { name, test: testOf, open } of [kinds.postgres, kinds.redis])
  testOf(`${name}: large blobs are objects, and go with the last head that reaches them`, async (t) => {
    const server = await s3();
    const options = { large: { store: server.at(`apart-${name}`), from: 1000 } };
    const first = await open('s3_apart', options);
    const version = await first.commit(set('a', 0, large(1), large(2), small(3)));
    await first.commit(set('b', 0, large(1)));
    await first.close();
    const files = server.files(`apart-${name}`);
    t.deepEqual(files.map((file) => readFileSync(file)[0]).sort(), [1, 2]);
    for (const file of files) t.regex(file, /\/large\/\d{16}\/[0-9a-f-]{36}\._S3rver_object$/);

    const again = await open('s3_apart', options);
    t.deepEqual([...(await again.get(blobName(large(2)))).bytes], Array(5000).fill(2));
    await again.commit({ heads: [{ name: 'a', expected: version, state: undefined }] });
    t.is((await again.collect()).blobs, 2);
    t.deepEqual(await again.has([large(1), large(2), small(3)].map(blobName)), [true, false, false]);
    t.is((await again.get(blobName(large(1)))).bytes[7], 1);
    await again.close();
    t.deepEqual(
      server.files(`apart-${name}`).map((file) => readFileSync(file)[0]),
      [1],
    );
  });

withRedis('a place in the URL of the store does the same', async (t) => {
  const server = await s3();
  const place = encodeURIComponent(server.at('in-url'));
  const store = await openStore(`${await kinds.redis.at('s3_in_url')}&large=${place}&largeFrom=3000`);
  t.teardown(() => store.close());
  await store.commit(set('a', 0, large(1, 3000), large(2, 2999)));
  t.is(server.files('in-url').length, 1);
  t.is((await store.get(blobName(large(1, 3000)))).bytes.length, 3000);
});

// ---- collection

withRedis(
  'what no name came for is removed once no commit can come for it, by the page, and nothing else',
  async (t) => {
    const server = await s3();
    const store = await opened(t, 's3_orphans', server.at('orphans'));
    await store.commit(set('a', 0, large(1)));
    const [named] = server.files('orphans') as [string];
    const epoch = Number(/large\/(\d{16})\//.exec(named)?.[1]);
    const root = join(server.folder, 'box/orphans/large');
    const files = (folder: string, count: number) => {
      mkdirSync(join(root, folder), { recursive: true });
      return Array.from({ length: count }, (_, i) => {
        const id = `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`;
        const file = join(root, folder, `${id}._S3rver_object`);
        writeFileSync(file, 'x');
        return file;
      });
    };
    const of = (number: number) => String(number).padStart(16, '0');
    const orphans = [...files(of(epoch), 1200), ...files(of(epoch - 1), 1)];
    const others = [...files(of(epoch + 9), 1), ...files('notes', 1), ...files(`../../orphans2/large/${of(epoch)}`, 1)];
    const note = join(root, of(epoch), 'readme._S3rver_object');
    writeFileSync(note, 'not ours');
    const strange = [...others, note];
    const there = () => new Set([...server.files('orphans'), ...server.files('orphans2')]);

    await store.collect();
    t.true(there().has(orphans[0] as string), 'one that nobody named may still be named');
    await store.collect();
    t.deepEqual([...there()].sort(), [named, ...strange].sort());
    t.is((await store.get(blobName(large(1)))).bytes[0], 1);
  },
);

// ---- the way to the server

withRedis('a server that is not there is told in time, and so is one that went away', async (t) => {
  const server = await S3Server.start();
  t.teardown(() => server.remove());
  const at = server.at('away');
  const store = await opened(t, 's3_away', at, { timeout: 3000 });
  await store.commit(set('a', 0, large(1)));
  await server.kill();
  const opening = () => opened(t, 's3_away', at, { timeout: 1500 });
  for (const act of [opening, () => store.get(blobName(large(1))), () => store.commit(set('b', 0, large(2)))]) {
    const { reason, message } = await refused(t, act);
    t.is(reason, 'gone', message);
    t.regex(message, /S3 has not answered for \d+ ms.*ECONNREFUSED.*s3:\/\/box\/away/);
  }
  // What S3 has no part in goes on.
  await store.commit(set('c', 0, small(3)));
  t.deepEqual(await store.has([blobName(large(2))]), [false]);
  const waiting = store.get(blobName(large(1)));
  await sleep(300);
  await server.start();
  t.is((await waiting).bytes[0], 1);
});

withRedis('one that stands still is told in time, and asked again later', async (t) => {
  const server = await S3Server.start();
  t.teardown(() => server.remove());
  const store = await opened(t, 's3_still', server.at('still'), { timeout: 3000 });
  await store.commit(set('a', 0, large(1)));
  server.freeze();
  const acts = [() => store.get(blobName(large(1))), () => store.commit(set('b', 0, large(2))), () => store.collect()];
  for (const act of acts) {
    const { reason, message } = await refused(t, act);
    t.is(reason, 'gone', message);
    t.regex(message, /S3 has not answered for 3000 ms/);
  }
  server.go();
  t.is((await store.get(blobName(large(1)))).bytes[0], 1);
  t.is(await store.head('b'), undefined);
  await store.commit(set('b', 0, large(2)));
  t.is((await store.get(blobName(large(2)))).bytes[0], 2);
});

withRedis(
  'killed in the midst of a put, of which it may have kept a part, the commit waits for it and is whole',
  async (t) => {
    const server = await S3Server.start();
    t.teardown(() => server.remove());
    const network = await Network.start(server.port);
    t.teardown(() => network.end());
    const store = await opened(t, 's3_killed', server.at('killed', network.port));
    let kills = 0;
    network.before = (piece) => {
      // A piece in the middle of the bytes.
      if (kills > 0 || piece.length < 10_000 || piece[0] !== 7) return undefined;
      kills++;
      return server.kill().then(() => server.start());
    };
    const blob = large(7, 1_000_000);
    await store.commit(set('a', 0, blob));
    t.is(kills, 1);
    t.is((await store.get(blobName(blob))).bytes.length, 1_000_000);
    t.is(server.files('killed').length, 1);
  },
);

withRedis('answers that are lost, before and after what was asked was done, change nothing', async (t) => {
  const server = await s3();
  const network = await Network.start(server.port);
  t.teardown(() => network.end());
  const store = await opened(t, 's3_cuts', server.at('cuts', network.port));
  let asked = 0;
  network.fate = (piece) => {
    if (!/^(PUT|GET|POST) /.test(piece.toString('latin1', 0, 5))) return 'passes';
    return (['passes', 'is lost', 'is not answered'] as const)[asked++ % 3] ?? 'passes';
  };
  for (let i = 0; i < 10; i++) {
    const version = await store.commit(set(`${i}`, 0, large(i)));
    t.is((await store.get(blobName(large(i)))).bytes[0], i);
    if (i % 2 === 1) await store.commit({ heads: [{ name: `${i}`, expected: version, state: undefined }] });
  }
  await store.collect();
  t.true(asked > 60, `${asked}`);
  t.deepEqual(
    server
      .files('cuts')
      .map((file) => readFileSync(file)[0])
      .sort(),
    [0, 2, 4, 6, 8],
  );
});

// ---- what was kept is not what is there

withRedis('objects that were cut, changed, made longer or removed are told as damaged, and none else', async (t) => {
  const server = await s3();
  const store = await opened(t, 's3_damaged', server.at('damaged'));
  const blobs = [0, 1, 2, 3, 4, 5].map((i) => large(i));
  await store.commit(set('a', 0, ...blobs));
  const fileOf = (i: number) => server.files('damaged').find((file) => readFileSync(file)[0] === i) as string;
  const harms: readonly (readonly [file: string, harm: (file: string) => void])[] = [
    [fileOf(0), (file) => truncateSync(file, 4999)],
    [fileOf(1), (file) => truncateSync(file, 0)],
    [fileOf(2), (file) => writeFileSync(file, readFileSync(file).fill(9, 1234, 1235))],
    [fileOf(3), (file) => truncateSync(file, 2_000_000)],
    [fileOf(4), (file) => rmSync(file)],
  ];
  for (const [file, harm] of harms) harm(file);
  for (const i of harms.keys()) {
    const { reason, message } = await refused(t, () => store.get(blobName(large(i))));
    t.is(reason, 'damaged', message);
    t.true(message.includes(blobName(large(i))));
    t.regex(
      message,
      [/not those of the name/, /longer than any/, /not in the store for large/][Math.max(0, i - 2)] as RegExp,
    );
  }
  t.is((await store.get(blobName(large(5)))).bytes[0], 5);
});

// ---- what cannot be

withRedis('a bucket that is not there, and credentials that are none, are told at once', async (t) => {
  const server = await s3();
  const before = { ...process.env };
  const opening = (at: string) => refused(t, () => opened(t, 's3_wrong', at));
  const nowhere = await opening(server.at('x').replace('box', 'nowhere'));
  t.is(nowhere.reason, 'io');
  t.regex(nowhere.message, /the bucket is not there.*s3:\/\/nowhere\/x/);
  try {
    process.env.AWS_ACCESS_KEY_ID = 's3cr3t-id';
    const stranger = await opening(server.at('x'));
    t.is(stranger.reason, 'io');
    t.regex(stranger.message, /S3 lets us not in/);
    delete process.env.AWS_SECRET_ACCESS_KEY;
    const none = await opening(server.at('x'));
    t.is(none.reason, 'io');
    t.regex(none.message, /no credentials for S3/);
    Object.assign(process.env, before);
    delete process.env.AWS_REGION;
    t.regex((await opening(server.at('x'))).message, /region/);
    await (await opened(t, 's3_region', `${server.at('x')}&region=us-east-1`)).close();
    process.env.AWS_REGION = 'us-east-1';
    process.env.AWS_ENDPOINT_URL_S3 = `http://127.0.0.1:${server.port}`;
    await (await opened(t, 's3_endpoint', 's3://box/x')).close();
  } finally {
    delete process.env.AWS_ENDPOINT_URL_S3;
    Object.assign(process.env, before);
  }
});

test('URLs of buckets that cannot be are told before anything is asked, without what may be secret in them', async (t) => {
  const wrong: readonly (readonly [at: string, why: RegExp])[] = [
    ['s3://id:s3cr3t@box/a', /no credentials/],
    ['s3://s3cr3t@box', /no credentials/],
    ['s3:///a', /s3:\/\/BUCKET/],
    ['s3://box:80/a', /s3:\/\/BUCKET/],
    ['s3://box/%00', /s3:\/\/BUCKET/],
    ['s3://box/%ff', /s3:\/\/BUCKET/],
    [`s3://box/${'a'.repeat(501)}`, /500 bytes/],
    ['s3://box/a?secretAccessKey=', /no "secretAccessKey"/i],
    ['s3://box?forcePathStyle=yes', /true or false/],
    ['s3://box?endpoint=http://id:s3cr3t@host', /endpoint/],
    ['s3://box?endpoint=ftp://host', /endpoint/],
    ['s3://box?endpoint=host', /endpoint/],
  ];
  for (const [at, why] of wrong) {
    const error = await t.throwsAsync(openStore('redis://127.0.0.1:1', { large: { store: at } }), {
      code: 'usage',
    } as never);
    t.regex(error?.message ?? '', why);
    t.notRegex(error?.message ?? '', /s3cr3t/);
  }
  await t.throwsAsync(openStore('s3://box/a'), { message: /tell it as `large`/ });
  await t.throwsAsync(openStore('redis://127.0.0.1:1?large=s3://box&largeFrom=0'), { code: 'usage' } as never);
});

test('a place for large blobs is told without its password', (t) => {
  for (const at of ['a@b?large=redis://:s3cr3t@host&x=1', 'a@b?x=1&large=redis%3A%2F%2F%3As3cr3t%40host'])
    t.notRegex(toldPlace(`postgres://${at}`), /s3cr3t/);
  t.is(toldPlace('redis://host?large=s3://box/a'), 'redis://host?large=s3://box/a');
});

withRedis('the package that is missing is told, and a store that nobody closes holds up no process', async (t) => {
  const hook = `import { register } from 'node:module'; register('data:text/javascript,' + encodeURIComponent(
    "export const resolve = (s, c, n) => n(s, s === '@aws-sdk/client-s3' ? { ...c, parentURL: 'file:///nowhere/a.js' } : c)"));`;
  const opens = `import { openStore } from ${JSON.stringify(new URL('../../dist/src/store/disk/index.js', import.meta.url))};
    await openStore(process.argv[1]).catch(({ code, message }) => console.log(code, message));`;
  const at = `${await kinds.redis.at('s3_idle')}&large=${encodeURIComponent((await s3()).at('idle'))}`;
  const args = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, '--input-type=module', '-e', opens];
  const { stdout } = await promisify(execFile)(process.execPath, [...args, at]);
  t.regex(stdout, /^usage .*npm install @aws-sdk\/client-s3\n$/);
  const idle = fileURLToPath(new URL('idle.mjs', import.meta.url));
  t.is((await promisify(execFile)(process.execPath, [idle, at], { timeout: 30_000 })).stdout, '1');
});

// ---- answers that the server of the other tests never gives

/** In front of it: answers some questions itself. */
async function fronted(t: ExecutionContext, answers: RequestListener): Promise<number> {
  const server = createServer(answers).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
const say = (response: ServerResponse, status: number, xml: string) =>
  response.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0" encoding="UTF-8"?>${xml}`);
const failing = (code: string) => `<Error><Code>${code}</Code><Message>why it is so</Message></Error>`;
const emptyList = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>';
const isList = ({ url = '' }: IncomingMessage) => url.includes('list-type=2');

withRedis('what passes is asked for again, and what does not is told by its kind', async (t) => {
  let puts = 0;
  let answer: (response: ServerResponse) => void = () => {};
  const port = await fronted(t, (request, response) => {
    request.resume().on('end', () => {
      if (isList(request)) return say(response, 200, emptyList);
      puts++;
      answer(response);
    });
  });
  const store = await opened(t, 's3_kinds', `s3://box/a?endpoint=http://127.0.0.1:${port}`);
  const passing: readonly (readonly [status: number, xml: string])[] = [
    [503, failing('SlowDown')],
    [500, failing('InternalError')],
    [429, '<html>'],
    [502, '<html>no xml'],
  ];
  for (const [i, [status, xml]] of passing.entries()) {
    puts = 0;
    // More often than the client of S3 tries by itself.
    answer = (response) => (puts < 6 ? say(response, status, xml) : response.end());
    await store.commit(set(`a${i}`, 0, large(i)));
    t.is(puts, 6, xml);
  }
  const final: readonly (readonly [status: number, xml: string, reason: string, message: RegExp])[] = [
    [507, '', 'full', /S3 is full/],
    [403, failing('QuotaExceeded'), 'full', /S3 is full: why it is so/],
    [403, failing('AccessDenied'), 'io', /S3 lets us not in: why it is so/],
    [403, failing('SignatureDoesNotMatch'), 'io', /S3 lets us not in: why it is so/],
    [403, failing('InvalidObjectState'), 'io', /S3 has archived it: why it is so/],
    [501, failing('NotImplemented'), 'io', /S3 refuses: why it is so/],
    [400, failing('EntityTooLarge'), 'io', /S3 refuses: why it is so/],
    [301, failing('PermanentRedirect'), 'io', /S3 refuses: why it is so/],
  ];
  for (const [status, xml, wanted, why] of final) {
    answer = (response) => say(response, status, xml);
    const { reason, message } = await refused(t, () => store.commit(set('b', 0, large(9))));
    t.is(reason, wanted, message);
    t.regex(message, why);
  }
  t.is(await store.head('b'), undefined);
});

withRedis('objects that could not be removed, and lists that never end, are told', async (t) => {
  let list = emptyList;
  const place = `large/${'0'.repeat(16)}/00000000-0000-4000-8000-000000000000`;
  const errors: string[] = [];
  const removed: string[] = [];
  const port = await fronted(t, async (request, response) => {
    const body = (await request.toArray()).join('');
    if (isList(request)) return say(response, 200, list);
    removed.push(...Array.from(body.matchAll(/<Key>(.*?)<\/Key>/g), ([, key = '']) => key));
    const error = errors.shift();
    const told = error && `<Error><Key>a/${place}</Key><Code>${error}</Code><Message>why it is so</Message></Error>`;
    say(response, 200, `<DeleteResult>${told ?? ''}</DeleteResult>`);
  });
  const store = await opened(t, 's3_removals', `s3://box/a?endpoint=http://127.0.0.1:${port}`);
  await store.collect();
  await store.collect();
  t.deepEqual(removed, []);
  list = `<ListBucketResult><Contents><Key>a/${place}</Key></Contents><IsTruncated>false</IsTruncated></ListBucketResult>`;
  errors.push('AccessDenied');
  const denied = await refused(t, () => store.collect());
  t.is(denied.reason, 'io');
  t.regex(denied.message, /S3 lets us not in: why it is so/);
  errors.push('InternalError', 'NoSuchKey');
  await store.collect();
  t.deepEqual(removed, Array(3).fill(`a/${place}`));
  list =
    '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>';
  const endless = await refused(t, () => store.collect());
  t.is(endless.reason, 'io');
  t.regex(endless.message, /without an end/);
});

withRedis(
  'bytes that never end are read no further than a blob can be, and those that stop are asked for again',
  async (t) => {
    let act: (response: ServerResponse) => void = (response) => response.end();
    let gets = 0;
    const port = await fronted(t, (request, response) => {
      request.resume().on('end', () => {
        if (isList(request)) return say(response, 200, emptyList);
        if (request.method === 'GET') gets++;
        act(response);
      });
    });
    const store = await opened(t, 's3_endless', `s3://box/a?endpoint=http://127.0.0.1:${port}`, { timeout: 3000 });
    await store.commit(set('a', 0, large(1)));
    let sent = 0;
    act = (response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) sent += 65_536;
      };
      response.on('drain', more);
      more();
    };
    t.is((await refused(t, () => store.get(blobName(large(1))))).reason, 'damaged');
    await sleep(100);
    t.true(sent < 2 ** 24, `${sent}`);

    gets = 0;
    act = (response) => {
      response.writeHead(200, { 'content-length': '5000' });
      if (gets < 3) response.write(Buffer.alloc(1000, 1), () => response.destroy());
      else response.end(Buffer.alloc(5000, 1));
    };
    t.is((await store.get(blobName(large(1)))).bytes.length, 5000);
    t.is(gets, 3);

    // The last bytes do not come: nothing is waited for longer than the time limit, nor read on afterwards.
    let closed: Promise<unknown> | undefined;
    act = (response) => {
      closed = once(response, 'close');
      response.writeHead(200, { 'content-length': '5000' }).write(Buffer.alloc(1000, 1));
    };
    t.is((await refused(t, () => store.get(blobName(large(1))))).reason, 'gone');
    await closed;
  },
);
