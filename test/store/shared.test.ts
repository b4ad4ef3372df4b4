// Stores that many machines share, where things go wrong between us and the server, and in it: it is killed, stands still, is full,
// takes no changes, was emptied; connections break in the midst of a commit, and what was kept is changed behind our back.

import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inspect, promisify } from 'node:util';
import test, { type ExecutionContext, type TestFn } from 'ava';
import { blobName, type NewBlob, openStore, type Store, type StoreOptions } from '../../src/store/disk/index.ts';
import { type Fate, Network } from '../servers/network.ts';
import { PostgresServer } from '../servers/postgres.ts';
import { RedisServer } from '../servers/redis.ts';
import { withPostgres, withRedis } from '../servers/tests.ts';
import { killed, numbers, raced } from './faults.ts';
import { endServers, kinds, postgres, redis } from './kinds.ts';

test.after.always(endServers);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data);
const set = (name: string, expected = 0, data = name) => ({
  heads: [{ name, expected, state: { data: bytes(data) } }],
});
const holding = (name: string, expected: number, ...blobs: NewBlob[]) => ({
  blobs,
  heads: [{ name, expected, state: { links: blobs.slice(-1).map(blobName) } }],
});

/** What it rejects with. No password of ours is `secret`, wherever one looks. */
async function refused(t: ExecutionContext, act: () => Promise<unknown>): Promise<{ reason: string; message: string }> {
  const error = (await t.throwsAsync(act)) as Error & { code: string; reason?: string };
  const all = [error.message, error.stack, JSON.stringify(error), inspect(error, { depth: 9, showHidden: true })];
  t.notRegex(all.join('\n'), /s[e3]cr[e3]t/);
  return { reason: error.code === 'store' ? `${error.reason}` : error.code, message: error.message };
}

interface Server {
  readonly port: number;
  readonly url: string;
  start(): Promise<void>;
  kill(): Promise<unknown>;
  freeze(): void;
  go(): void;
  remove(): Promise<void>;
}
/** Whatever comes of the test, it ends. */
async function opened(t: ExecutionContext, at: string, options?: StoreOptions): Promise<Store> {
  const store = await openStore(at, options);
  t.teardown(() => store.close());
  return store;
}
async function started<T extends Server>(t: ExecutionContext, starting: Promise<T>): Promise<T> {
  const server = await starting;
  t.teardown(() => server.remove());
  return server;
}
async function broken(t: ExecutionContext, { port }: Server): Promise<Network> {
  const network = await Network.start(port);
  t.teardown(() => network.end());
  return network;
}

interface Kind {
  readonly name: 'postgres' | 'redis';
  readonly testOf: TestFn | TestFn['skip'];
  readonly shared: () => Promise<Server>;
  readonly start: () => Promise<Server>;
  readonly through: (port: number) => string;
  /** In something that a commit says to the server. */
  readonly commits: RegExp;
}
const both: readonly Kind[] = [
  {
    name: 'postgres',
    testOf: withPostgres,
    shared: postgres,
    start: () => PostgresServer.start(),
    through: (port) => `postgres://wasbox:s3cr3t@127.0.0.1:${port}/postgres`,
    commits: /\.commit\(/,
  },
  {
    name: 'redis',
    testOf: withRedis,
    shared: redis,
    start: () => RedisServer.start(),
    through: (port) => `redis://127.0.0.1:${port}`,
    commits: /\*17\r\n\$7\r\nevalsha/,
  },
];

for (const { name, testOf, shared, start, through, commits } of both) {
  // ---- the way to the server

  testOf(
    `${name}: a commit whose connection breaks before or after it was done is done once, and told as done`,
    async (t) => {
      const network = await broken(t, await shared());
      const store = await opened(t, through(network.port), partOf(name, 'cut'));
      const fates: Fate[] = ['is lost', 'is not answered'];
      const random = numbers(7);
      let cuts = 0;
      network.fate = (piece) => {
        if (!commits.test(piece.toString('latin1')) || random(3) > 0) return 'passes';
        return fates[cuts++ % 2] as Fate;
      };
      let version = 0;
      for (let i = 1; i <= 60; i++) {
        const before = version;
        version = await store.commit(set('count', before, `${i}`));
        t.true(version > before);
        const head = await store.head('count');
        t.is(head?.version, version);
        t.is(text(head?.data), `${i}`);
      }
      t.true(cuts >= 10, `${cuts} cuts`);
      network.fate = () => 'passes';
      t.is((await refused(t, () => store.commit(set('count', version - 1)))).reason, 'conflict');
      await store.close();
      await network.end();
    },
  );

  testOf(
    `${name}: one that was done, and whose head others have changed and removed since, is told as done, and not done again`,
    async (t) => {
      const network = await broken(t, await shared());
      const ours = await opened(t, through(network.port), partOf(name, 'overtaken'));
      const theirs = await opened(t, (await shared()).url, partOf(name, 'overtaken'));
      await ours.head('a');
      let lost = false;
      // The connection stays away until others have had their way.
      network.fate = (piece) => {
        if (lost) return 'is lost';
        lost = commits.test(piece.toString('latin1'));
        return lost ? 'is not answered' : 'passes';
      };
      const done = ours.commit(set('a'));
      let head = await theirs.head('a');
      for (; head === undefined; head = await theirs.head('a')) await sleep(5);
      await theirs.commit({ heads: [{ name: 'a', expected: head.version, state: undefined }] });
      network.fate = () => 'passes';
      t.is(await done, head.version);
      t.is(await theirs.head('a'), undefined);
      await Promise.all([ours.close(), theirs.close()]);
      await network.end();
    },
  );

  testOf(`${name}: a server that is not there is told in time, and the store can be closed`, async (t) => {
    const network = await broken(t, await shared());
    const port = network.port;
    const store = await opened(t, through(port), { ...partOf(name, 'away'), timeout: 2000 });
    await network.end();
    for (const act of [
      () => store.commit(set('a')),
      () => store.head('a'),
      () => store.list(),
      () => store.collect(),
    ]) {
      const { reason, message } = await refused(t, act);
      t.is(reason, 'gone', message);
      t.regex(message, /has not answered for 2000 ms.*127\.0\.0\.1/);
    }
    const { reason, message } = await refused(t, () => openStore(through(port), { timeout: 1500 }));
    t.is(reason, 'gone', message);
    t.regex(message, /has not answered for 1500 ms.*ECONNREFUSED/);
    await store.close();
  });

  // ---- the server

  testOf(
    `${name}: killed and started again under commits, nothing that was acknowledged is lost, and the store finds it again`,
    async (t) => {
      const server = await started(t, start());
      const store = await opened(t, server.url);
      const told = new Map<string, number>();
      let [over, failed] = [false, 0];
      const writers = [0, 1, 2, 3].map(async (writer) => {
        for (let i = 0; !over; i++)
          try {
            const blob = { bytes: bytes(`${writer}/${i}`.padEnd(3000, 'x')) };
            told.set(`${writer}/${i}`, await store.commit(holding(`${writer}/${i}`, 0, blob)));
          } catch {
            failed++;
          }
      });
      for (let round = 0; round < 3; round++) {
        await sleep(150);
        await server.kill();
        await sleep(50);
        await server.start();
      }
      const before = told.size;
      while (told.size < before + 20) await sleep(10);
      over = true;
      await Promise.all(writers);
      t.is(failed, 0, 'the server is back long before the time limit');
      for (const [head, version] of told) {
        const found = await store.head(head);
        t.is(found?.version, version, head);
        t.true(text((await store.get(found?.links[0] as string)).bytes).startsWith(`${head}x`));
      }
      await store.close();
      await server.remove();
    },
  );

  testOf(`${name}: a server that stands still is told in time, and asked again later`, async (t) => {
    const server = await started(t, start());
    const store = await opened(t, server.url, { timeout: 3000 });
    const version = await store.commit(set('a'));
    server.freeze();
    for (const act of [() => store.commit(set('a', version, 'new')), () => store.head('a')]) {
      const { reason, message } = await refused(t, act);
      t.is(reason, 'gone', message);
      t.regex(message, /whether what was asked was done is not known/);
    }
    server.go();
    // Whoever must know what became of it settles it by a change from the version that it expected.
    const head = await store.head('a');
    const settled = await store.commit(set('a', head?.version, 'settled'));
    await sleep(300);
    t.is((await store.head('a'))?.version, settled);
    t.is(text((await store.head('a'))?.data), 'settled');
    await store.close();
    await server.remove();
  });

  // ---- several processes

  testOf(`${name}: a store is made once, by however many open it`, async (t) => {
    const { url } = await shared();
    const stores = await Promise.all(Array.from({ length: 6 }, () => openStore(url, partOf(name, 'at_once'))));
    await Promise.all(stores.map((store, i) => store.commit(set(`${i}`))));
    t.is((await stores[0]?.list())?.length, 6);
    await Promise.all(stores.map((store) => store.close()));
  });

  testOf(`${name}: processes that are killed in the midst of commits leave no half of one`, async (t) => {
    t.true((await killed(await kinds[name].at('killed'), 4, numbers(3))) > 0);
  });

  testOf(`${name}: of processes that race for a head one wins each time`, async (t) => {
    await t.notThrowsAsync(raced(await kinds[name].at('raced'), 60));
  });

  testOf(`${name}: what heads reach stays, whatever is collected meanwhile by whomever`, async (t) => {
    const { url } = await shared();
    const stores = await Promise.all([0, 1, 2, 3].map(() => openStore(url, partOf(name, 'collected'))));
    t.is(await collectedMeanwhile(stores, 4000), 'all there');
    await Promise.all(stores.map((store) => store.close()));
  });

  testOf(`${name}: whatever is taken up at whatever moment of a collection stays, with all below it`, async (t) => {
    const network = await broken(t, await shared());
    const collector = await opened(t, through(network.port), partOf(name, 'moments'));
    const other = await opened(t, (await shared()).url, partOf(name, 'moments'));
    await collector.collect();
    let [taken, gone] = [0, 0];
    for (let moment = 0, pieces = Infinity; moment < pieces; moment++)
      for (const place of [0, 1, 2, 3]) {
        const chain = chainOf(`${moment} ${place}`);
        await other.commit({ blobs: chain });
        const link = blobName(chain[place] as NewBlob);
        let [count, version] = [0, 0];
        network.before = async () => {
          if (count++ !== moment) return;
          const heads = [{ name: 'taken', expected: 0, state: { links: [link] } }];
          version = await other
            .commit({ heads })
            .catch((error) => (error.reason === 'missing' ? -1 : Promise.reject(error)));
        };
        await collector.collect();
        network.before = () => undefined;
        pieces = count;
        if (version === -1) gone++;
        if (version <= 0) continue;
        taken++;
        const below = chain.slice(place).map(blobName);
        t.deepEqual(
          await other.has(below),
          below.map(() => true),
          `moment ${moment} of ${pieces}, place ${place}`,
        );
        await other.commit({ heads: [{ name: 'taken', expected: version, state: undefined }] });
        await collector.collect();
      }
    t.true(taken > 12 && gone > 0, `${taken} taken, ${gone} gone`);
  });

  testOf(`${name}: a store that nobody closes holds up no process`, async (t) => {
    const idle = fileURLToPath(new URL('idle.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [idle, await kinds[name].at('idle')], {
      timeout: 30_000,
    });
    t.is(stdout, '1');
  });

  testOf(`${name}: the package that is missing is told`, async (t) => {
    const hook = `import { register } from 'node:module'; register('data:text/javascript,' + encodeURIComponent(
      "export const resolve = (s, c, n) => n(s, s === 'pg' || s === 'ioredis' ? { ...c, parentURL: 'file:///nowhere/a.js' } : c)"));`;
    const opens = `import { openStore } from ${JSON.stringify(new URL('../../dist/src/store/disk/index.js', import.meta.url))};
      await openStore(process.argv[1]).catch(({ code, message }) => console.log(code, message));`;
    const args = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, '--input-type=module', '-e', opens];
    const { stdout } = await promisify(execFile)(process.execPath, [...args, (await shared()).url]);
    const pkg = name === 'postgres' ? 'pg' : 'ioredis';
    t.regex(stdout, new RegExp(`^usage .*npm install ${pkg}\n$`));
  });

  // ---- much at once

  testOf(`${name}: a large commit goes in steps, and again only what is not there`, async (t) => {
    const network = await broken(t, await shared());
    const store = await opened(t, through(network.port), partOf(name, 'large'));
    const leaves = Array.from({ length: 40 }, (_, i) => ({ bytes: new Uint8Array(400_000).fill(i) }));
    const node = (i: number) => ({ bytes: bytes(`node ${i}`), links: leaves.map(blobName) });
    const version = await store.commit(holding('a', 0, ...leaves, node(0)));
    t.true(network.sent > 16_000_000);
    const before = network.sent;
    await store.commit(holding('a', version, ...leaves, node(1)));
    t.true(network.sent - before < 100_000, `${network.sent - before}`);
    // Refused before anything is sent.
    const others = leaves.map((leaf) => ({ bytes: leaf.bytes.map((byte) => byte + 100) }));
    t.is((await refused(t, () => store.commit(holding('a', version, ...others)))).reason, 'conflict');
    t.true(network.sent - before < 200_000, `${network.sent - before}`);
    t.is((await store.get(blobName(leaves[39] as NewBlob))).bytes[399_999], 39);
    await store.close();
    await network.end();
  });

  testOf(`${name}: a list is long, and comes in pieces`, async (t) => {
    const store = await opened(t, (await shared()).url, partOf(name, 'long'));
    const names = Array.from({ length: 1500 }, (_, i) => `job/${String(i).padStart(5, '0')}`);
    for (let at = 0; at < names.length; at += 500)
      await store.commit({ heads: names.slice(at, at + 500).flatMap((each) => set(each).heads) });
    t.deepEqual(
      (await store.list({ limit: 10_000 })).map((head) => head.name),
      names,
    );
    t.deepEqual(
      (await store.list({ after: 'job/00009', limit: 450 })).map((head) => head.name),
      names.slice(10, 460),
    );
    await store.close();
  });

  testOf(`${name}: what is asked before the store is closed is done`, async (t) => {
    const { url } = await shared();
    const store = await opened(t, url, partOf(name, 'closing'));
    const done = Array.from({ length: 30 }, (_, i) => store.commit(set(`${i}`)));
    await store.close();
    t.is((await Promise.all(done)).length, 30);
    t.is((await refused(t, () => store.head('a'))).reason, 'closed');
  });
}

const partOf = (kind: string, part: string): StoreOptions =>
  kind === 'postgres' ? { schema: `t_${part}` } : { prefix: `t_${part}` };

/** Each links to the next. */
function chainOf(what: string): NewBlob[] {
  const chain: NewBlob[] = [];
  for (const i of [3, 2, 1, 0]) chain.unshift({ bytes: bytes(`${what} ${i}`), links: chain.slice(0, 1).map(blobName) });
  return chain;
}

/**
 * Some commit, take up what others have left, and let go of it, while all of them collect: whatever heads lead to in the end must
 * be there. Those that want a blob that is gone by then are told so, and no harm is done.
 */
async function collectedMeanwhile(stores: readonly Store[], ms: number): Promise<string> {
  const random = numbers(11);
  const end = performance.now() + ms;
  const leaves = Array.from({ length: 30 }, (_, i) => ({ bytes: bytes(`leaf ${i}`) }));
  const nodes = Array.from({ length: 30 }, (_, i) => ({
    bytes: bytes(`node ${i}`),
    links: [leaves[i], leaves[(i * 7 + 3) % 30]].map((leaf) => blobName(leaf as NewBlob)),
  }));
  const tops = nodes.map((node, i) => ({
    bytes: bytes(`top ${i}`),
    links: [node, nodes[(i * 11 + 5) % 30]].map((each) => blobName(each as NewBlob)),
  }));
  const all = [...leaves, ...nodes, ...tops];
  const pick = () => all[random(all.length)] as NewBlob;
  const work = stores.map(async (store, i) => {
    while (performance.now() < end) {
      const name = `head/${random(12)}`;
      const version = (await store.head(name))?.version ?? 0;
      const state = random(3) === 0 ? undefined : { links: [blobName(pick())] };
      // With all that it needs, or trusting that it is there.
      const blobs = random(2) === 0 ? all : [];
      try {
        await store.commit({ blobs, heads: [{ name, expected: version, state }] });
      } catch (error) {
        const { reason } = error as { reason?: string };
        if (reason !== 'conflict' && reason !== 'missing') throw error;
      }
      if (random(6) === 0) await stores[(i + 1) % stores.length]?.collect();
    }
  });
  await Promise.all(work);
  const store = stores[0] as Store;
  const next = (await store.list()).flatMap(({ links }) => links);
  for (let name = next.pop(); name !== undefined; name = next.pop()) next.push(...(await store.get(name)).links);
  await store.collect();
  const kept = (await store.has(all.map(blobName))).filter(Boolean).length;
  return kept < all.length ? 'all there' : 'nothing was collected';
}

// ---- PostgreSQL

withPostgres(
  'postgres: a byte that was changed is told by its blob or head, and such a head can be removed',
  async (t) => {
    const server = (await postgres()) as PostgresServer;
    const store = await opened(t, server.url, { schema: 't_damaged' });
    const blob = { bytes: bytes('content') };
    await store.commit(holding('a', 0, blob));
    await store.commit(set('whole'));
    for (const table of ['blobs', 'heads'])
      await server.ask(`UPDATE t_damaged.${table} SET form = set_byte(form, octet_length(form) - 1, 7) WHERE true
      AND octet_length(form) > ${table === 'heads' ? 40 : 0}`);
    await damageTold(t, store, blob);
    await store.close();
  },
);

withPostgres('postgres: one that takes no changes is told, and can be read', async (t) => {
  const server = (await postgres()) as PostgresServer;
  await server.ask('CREATE DATABASE still');
  const store = await opened(t, server.urlOf('still'));
  await store.commit(set('a'));
  await store.close();
  await server.ask('ALTER DATABASE still SET default_transaction_read_only = on');
  const again = await opened(t, server.urlOf('still'));
  t.is(text((await again.head('a'))?.data), 'a');
  const { reason, message } = await refused(t, () => again.commit(set('b')));
  t.is(reason, 'io', message);
  t.regex(message, /read-only/);
  await again.close();
});

withPostgres('postgres: what is none, or of another format, or not for us', async (t) => {
  const server = (await postgres()) as PostgresServer;
  await server.ask('CREATE SCHEMA t_other; CREATE TABLE t_other.store (a int)');
  t.is((await refused(t, () => openStore(server.url, { schema: 't_other' }))).reason, 'version');
  await (await openStore(server.url, { schema: 't_newer' })).close();
  await server.ask('UPDATE t_newer.store SET format = 7');
  const { reason, message } = await refused(t, () => openStore(server.url, { schema: 't_newer' }));
  t.is(reason, 'version');
  t.regex(message, /of format 7/);
  const nowhere = await refused(t, () => openStore(server.urlOf('nowhere')));
  t.is(nowhere.reason, 'io');
  t.regex(nowhere.message, /"nowhere" does not exist/);
  for (const schema of ['Bad', 'a-b', 'a"; DROP', '', 'x'.repeat(60), 'pg_x'])
    t.is((await refused(t, () => openStore(server.url, { schema }))).reason, 'usage');
});

withPostgres('postgres: commits are on the disk also where the server is told that it need not be', async (t) => {
  const server = await started(
    t,
    PostgresServer.start({ settings: { synchronous_commit: 'off', wal_writer_delay: '10s' } }),
  );
  const store = await opened(t, server.url);
  for (let i = 0; i < 20; i++) await store.commit(set(`${i}`));
  await server.kill();
  await server.start();
  t.is((await store.list()).length, 20);
  await store.close();
  await server.remove();
  const lazy = await started(t, PostgresServer.start({ settings: { fsync: 'off' } }));
  t.regex((await refused(t, () => openStore(lazy.url))).message, /fsync/);
  await lazy.remove();
});

withPostgres('postgres: another isolation by default changes nothing', async (t) => {
  const server = (await postgres()) as PostgresServer;
  await server.ask('CREATE DATABASE strict');
  await server.ask("ALTER DATABASE strict SET default_transaction_isolation = 'serializable'");
  const store = await opened(t, server.urlOf('strict'));
  const version = await store.commit(set('a'));
  const race = Array.from({ length: 8 }, (_, i) => store.commit(set('a', version, `${i}`)));
  t.is((await Promise.allSettled(race)).filter(({ status }) => status === 'fulfilled').length, 1);
  await store.close();
});

async function damageTold(t: ExecutionContext, store: Store, blob: NewBlob): Promise<void> {
  const bad = await refused(t, () => store.get(blobName(blob)));
  t.is(bad.reason, 'damaged');
  t.true(bad.message.includes(blobName(blob)), bad.message);
  const { reason, message } = await refused(t, () => store.head('a'));
  t.is(reason, 'damaged', message);
  t.regex(message, /head "a"/);
  const listed = await store.list();
  t.deepEqual(
    listed.map(({ name, damage }) => [name, damage !== undefined]),
    [
      ['a', true],
      ['whole', false],
    ],
  );
  t.is((await refused(t, () => store.commit(set('a')))).reason, 'conflict');
  await store.commit({ heads: [{ name: 'a', expected: 0, state: undefined }] });
  t.is(await store.head('a'), undefined);
  t.is(
    (await refused(t, () => store.commit({ heads: [{ name: 'whole', expected: 0, state: undefined }] }))).reason,
    'conflict',
  );
}

// ---- Redis

withRedis('redis: a byte that was changed is told by its blob or head, and such a head can be removed', async (t) => {
  const server = (await redis()) as RedisServer;
  const store = await opened(t, server.url, { prefix: 't_damaged' });
  const blob = { bytes: bytes('content') };
  await store.commit(holding('a', 0, blob));
  await store.commit(set('whole'));
  await server.ask(async (client) => {
    await client.setrange(Buffer.concat([Buffer.from('{t_damaged}:b:'), Buffer.from(blobName(blob), 'hex')]), 6, 'x');
    const value = (await client.hgetBuffer('{t_damaged}:heads', 'a')) as Buffer;
    value[value.length - 1] = 77 ^ (value.at(-1) as number);
    await client.hset('{t_damaged}:heads', 'a', value);
  });
  await damageTold(t, store, blob);
  await store.close();
});

withRedis('redis: settings that would lose what is kept are refused', async (t) => {
  const evicting = await started(t, RedisServer.start({ settings: { 'maxmemory-policy': 'allkeys-lru' } }));
  const { reason, message } = await refused(t, () => openStore(evicting.url, { durability: 'none' }));
  t.is(reason, 'usage');
  t.regex(message, /maxmemory-policy.*allkeys-lru.*noeviction/);
  await evicting.remove();
  const promised = { off: 'none', no: 'none', everysec: 'second', always: 'always' } as const;
  for (const [appendfsync, has] of Object.entries(promised)) {
    const server = await started(t, RedisServer.start({ appendfsync: appendfsync as keyof typeof promised }));
    for (const durability of ['none', 'second', 'always'] as const) {
      const enough = has === 'always' || durability === 'none' || durability === has;
      if (enough) await (await openStore(server.url, { durability })).close();
      else t.regex((await refused(t, () => openStore(server.url, { durability }))).message, /append/);
    }
    await server.remove();
  }
});

withRedis('redis: one that is full refuses what has no room, can be collected, and then takes more', async (t) => {
  const server = await started(t, RedisServer.start({ settings: { maxmemory: '6mb' } }));
  const store = await opened(t, server.url);
  const versions: number[] = [];
  let full = '';
  for (let i = 0; i < 100 && full === ''; i++)
    try {
      versions.push(await store.commit(holding(`${i}`, 0, { bytes: new Uint8Array(200_000).fill(i) })));
    } catch (error) {
      full = (error as { reason: string }).reason;
    }
  t.is(full, 'full');
  t.true(versions.length > 5);
  t.is((await store.list()).length, versions.length);
  const removals = versions.slice(0, 5).map((version, i) => ({ name: `${i}`, expected: version, state: undefined }));
  await store.commit({ heads: removals });
  t.is((await store.collect()).blobs, 5);
  await store.commit(holding('more', 0, { bytes: new Uint8Array(200_000).fill(255) }));
  await store.close();
  await server.remove();
});

withRedis('redis: a replica takes no changes, a wrong password opens nothing, an emptied one is told', async (t) => {
  const server = await started(t, RedisServer.start({ password: 's3cr3t' }));
  const store = await opened(t, server.url);
  const version = await store.commit(set('a'));
  const wrong = await refused(t, () => openStore(server.url.replace('s3cr3t', 's3cr3ts')));
  t.is(wrong.reason, 'io', wrong.message);
  await server.ask((client) => client.replicaof('127.0.0.1', 1));
  const { reason, message } = await refused(t, () => store.commit(set('b')));
  t.is(reason, 'io', message);
  t.regex(message, /read-only/);
  t.is((await store.head('a'))?.version, version);
  await server.ask((client) => client.replicaof('NO', 'ONE'));
  await server.ask((client) => client.flushall());
  t.is((await refused(t, () => store.commit(set('a', version)))).reason, 'damaged');
  t.is((await refused(t, () => store.collect())).reason, 'damaged');
  await store.close();
  await server.remove();
});

withRedis('redis: keys of something else are no store', async (t) => {
  const server = (await redis()) as RedisServer;
  await server.ask((client) => client.set('{t_other}:heads', 'x'));
  t.is((await refused(t, () => openStore(server.url, { prefix: 't_other' }))).reason, 'version');
  await server.ask((client) => client.hset('{t_newer}:meta', 'format', '7'));
  t.regex((await refused(t, () => openStore(server.url, { prefix: 't_newer' }))).message, /of format 7/);
  for (const prefix of ['', 'a b', '{a}', 'x'.repeat(101)])
    t.is((await refused(t, () => openStore(server.url, { prefix }))).reason, 'usage');
});

withRedis('redis: no version is used again, also where the last second was lost', async (t) => {
  const server = await started(t, RedisServer.start());
  const store = await opened(t, server.url);
  const first = await store.commit(set('a'));
  await server.ask((client) => client.hset('{wasbox}:meta', 'version', '1'));
  t.true((await store.commit(set('b'))) > first);
  await store.close();
  await server.remove();
});
