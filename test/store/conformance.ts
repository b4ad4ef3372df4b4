// What every store has to do: one list of cases, for ours and for whoever has another database behind the interface. Each case
// gets a store that is empty, and throws where the store is wrong.

import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { blobName, type NewBlob, type Store } from '../../src/store/index.ts';

export interface Case {
  readonly title: string;
  readonly run: (store: Store) => Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);
const blob = (content: string, ...links: NewBlob[]): NewBlob => ({ bytes: bytes(content), links: links.map(blobName) });
const reason = (wanted: string, where?: RegExp) => (error: unknown) => {
  const { code, reason: why, where: place, message } = error as Record<string, string>;
  equal(code, 'store', `${message}`);
  equal(why, wanted);
  if (where !== undefined) ok(where.test(place as string), place);
  return true;
};
const usage = { code: 'usage' };

/** Sets heads that are not there yet. */
const set = (store: Store, ...names: string[]) =>
  store.commit({ heads: names.map((name) => ({ name, expected: 0, state: { data: bytes(name) } })) });

const cases: Readonly<Record<string, (store: Store) => Promise<void>>> = {
  'a blob comes back as it was, by its hash': async (store) => {
    const leaf = blob('leaf');
    const node = { bytes: new Uint8Array(100_000).fill(7), links: [blobName(leaf)] };
    await store.commit({
      blobs: [leaf, node],
      heads: [{ name: 'a', expected: 0, state: { links: [blobName(node)] } }],
    });
    deepEqual(await store.get(blobName(node)).then(({ links, bytes }) => ({ links, bytes: [...bytes] })), {
      links: [blobName(leaf)],
      bytes: Array(100_000).fill(7),
    });
    equal(text((await store.get(blobName(leaf))).bytes), 'leaf');
    equal(blobName(leaf).length, 64);
    ok(blobName(leaf) !== blobName({ bytes: leaf.bytes, links: [blobName(leaf)] }), 'links are a part of the name');
  },

  'an empty blob, and one of the largest size': async (store) => {
    const empty = blob('');
    const large = { bytes: new Uint8Array(1_048_576).map((_, i) => i * 7 + (i >> 8)) };
    await store.commit({ blobs: [empty, large] });
    equal((await store.get(blobName(empty))).bytes.length, 0);
    deepEqual(Buffer.compare((await store.get(blobName(large))).bytes, large.bytes), 0);
    await rejects(store.commit({ blobs: [{ bytes: new Uint8Array(1_048_577) }] }), usage);
  },

  'a blob that is not there is told': async (store) => {
    await rejects(store.get('ab'.repeat(32)), reason('missing', /abab/));
    await rejects(store.get('no name'), usage);
    deepEqual(await store.has(['ab'.repeat(32)]), [false]);
  },

  'heads are created, changed and removed by their versions': async (store) => {
    const first = await set(store, 'a');
    deepEqual({ ...(await store.head('a')), data: 'a' }, { name: 'a', version: first, links: [], data: 'a' });
    const second = await store.commit({ heads: [{ name: 'a', expected: first, state: { data: bytes('new') } }] });
    ok(second > first);
    equal(text((await store.head('a'))?.data ?? bytes('')), 'new');
    await rejects(store.commit({ heads: [{ name: 'a', expected: first, state: {} }] }), reason('conflict', /"a"/));
    await rejects(set(store, 'a'), reason('conflict', /"a"/));
    await store.commit({ heads: [{ name: 'a', expected: second, state: undefined }] });
    equal(await store.head('a'), undefined);
    await rejects(store.commit({ heads: [{ name: 'a', expected: second, state: {} }] }), reason('conflict'));
  },

  'a version is never used again, also when its head was removed meanwhile': async (store) => {
    const first = await set(store, 'a');
    await store.commit({ heads: [{ name: 'a', expected: first, state: undefined }] });
    const again = await set(store, 'a');
    ok(again > first);
    await rejects(store.commit({ heads: [{ name: 'a', expected: first, state: {} }] }), reason('conflict'));
  },

  'a commit happens as a whole or not at all': async (store) => {
    await set(store, 'a');
    const node = blob('node');
    const heads = [
      { name: 'b', expected: 0, state: { links: [blobName(node)] } },
      { name: 'a', expected: 0, state: {} },
    ];
    await rejects(store.commit({ blobs: [node], heads }), reason('conflict', /"a"/));
    equal(await store.head('b'), undefined);
    deepEqual(await store.has([blobName(node)]), [false]);
  },

  'what is linked to has to be there, or come along': async (store) => {
    const leaf = blob('leaf');
    const node = blob('node', leaf);
    const link = (name: string) => [{ name, expected: 0, state: { links: [blobName(node)] } }];
    await rejects(store.commit({ heads: link('a') }), reason('missing', new RegExp(blobName(node))));
    await rejects(store.commit({ blobs: [node], heads: link('a') }), reason('missing', new RegExp(blobName(leaf))));
    equal(await store.head('a'), undefined);
    await store.commit({ blobs: [node, leaf], heads: link('a') });
    await store.commit({ heads: link('b') });
    deepEqual((await store.head('b'))?.links, [blobName(node)]);
  },

  'of commits that race for a head one wins': async (store) => {
    const from = await set(store, 'a');
    const race = Array.from({ length: 20 }, (_, i) =>
      store.commit({ heads: [{ name: 'a', expected: from, state: { data: bytes(String(i)) } }] }),
    );
    const ends = await Promise.allSettled(race);
    const won = ends.findIndex(({ status }) => status === 'fulfilled');
    equal(ends.filter(({ status }) => status === 'fulfilled').length, 1);
    equal(text((await store.head('a'))?.data ?? bytes('')), String(won));
    for (const end of ends) if (end.status === 'rejected') reason('conflict')(end.reason);
  },

  'heads are listed by prefix, in order, in pages': async (store) => {
    await set(store, 'b/2', 'a', 'b/10', 'b/é', 'b/\u{1f600}', 'b/\uffef', 'b/', 'c', 'b', 'b0');
    const names = async (options: Parameters<Store['list']>[0]) => (await store.list(options)).map(({ name }) => name);
    const all = ['b/', 'b/10', 'b/2', 'b/é', 'b/\uffef', 'b/\u{1f600}'];
    deepEqual(await names({ prefix: 'b/' }), all);
    deepEqual(await names({ prefix: 'b/', limit: 2 }), all.slice(0, 2));
    deepEqual(await names({ prefix: 'b/', after: 'b/10', limit: 3 }), all.slice(2, 5));
    deepEqual(await names({ prefix: 'b/', after: 'b/\u{1f600}' }), []);
    deepEqual(await names({ after: 'b/\u{1f600}' }), ['b0', 'c']);
    deepEqual(await names({ prefix: 'd' }), []);
    equal((await names({})).length, 10);
    equal(text((await store.list({ prefix: 'c' }))[0]?.data ?? bytes('')), 'c');
  },

  'names and sizes are bounded': async (store) => {
    const long = 'é'.repeat(500);
    await set(store, long, '\0', ' ');
    equal((await store.head(long))?.name, long);
    for (const name of ['', `${long}x`, '\ud800', 7 as never]) {
      await rejects(set(store, name), usage);
      await rejects(store.head(name), usage);
    }
    await set(store, 'x'.repeat(1000));
    const data = (length: number) =>
      store.commit({ heads: [{ name: 'data', expected: 0, state: { data: new Uint8Array(length) } }] });
    await rejects(data(65_537), usage);
    await data(65_536);
    const links = Array.from({ length: 8193 }, () => 'ab'.repeat(32));
    await rejects(store.commit({ blobs: [{ bytes: bytes(''), links }] }), usage);
    await rejects(
      store.commit({ heads: [{ name: 'links', expected: 0, state: { links: links.slice(0, 1025) } }] }),
      usage,
    );
    await rejects(store.commit({ blobs: [{ bytes: bytes(''), links: ['AB'.repeat(32)] }] }), usage);
    await rejects(store.list({ limit: 10_001 }), usage);
    await rejects(store.commit({ nothing: 1 } as never), usage);
    await rejects(store.commit({ heads: ['twice', 'twice'].map((name) => ({ name, expected: 0, state: {} })) }), usage);
  },

  'what was handed in may change afterwards': async (store) => {
    const data = bytes('before');
    const node = { bytes: bytes('before') };
    const done = store.commit({
      blobs: [node],
      heads: [{ name: 'a', expected: 0, state: { data, links: [blobName(node)] } }],
    });
    const name = blobName(node);
    await done;
    data.fill(0);
    node.bytes.fill(0);
    const head = await store.head('a');
    equal(text(head?.data ?? bytes('')), 'before');
    head?.data.fill(0);
    (await store.get(name)).bytes.fill(0);
    equal(text((await store.get(name)).bytes), 'before');
    equal(text((await store.head('a'))?.data ?? bytes('')), 'before');
  },

  'bytes in shared memory are taken': async (store) => {
    const shared = new Uint8Array(new SharedArrayBuffer(5)).fill(65);
    await store.commit({ blobs: [{ bytes: shared }], heads: [{ name: 'a', expected: 0, state: { data: shared } }] });
    equal(text((await store.get(blobName({ bytes: shared }))).bytes), 'AAAAA');
  },

  'what no head reaches is collected, and all else stays': async (store) => {
    const leaves = Array.from({ length: 30 }, (_, i) => blob(`leaf ${i}`));
    const [kept, dropped] = [blob('kept', ...leaves.slice(0, 20)), blob('dropped', ...leaves.slice(10))];
    const top = blob('top', kept);
    const change = (name: string, node: NewBlob) => ({ name, expected: 0, state: { links: [blobName(node)] } });
    const version = await store.commit({
      blobs: [...leaves, kept, dropped, top, blob('loose')],
      heads: [change('a', top), change('b', dropped)],
    });
    deepEqual((await store.collect()).blobs, 1);
    await store.commit({ heads: [{ name: 'b', expected: version, state: undefined }] });
    const { blobs, bytes: size } = await store.collect();
    equal(blobs, 11);
    ok(size > 11);
    const there = await store.has([top, kept, dropped, ...leaves].map(blobName));
    deepEqual(there, [true, true, false, ...leaves.map((_, i) => i < 20)]);
    deepEqual(await store.collect(), { blobs: 0, bytes: 0 });
  },

  'a head that changes lets go of what it had': async (store) => {
    let version = 0;
    for (let i = 0; i < 10; i++) {
      const node = blob(`state ${i}`);
      const heads = [{ name: 'a', expected: version, state: { links: [blobName(node)] } }];
      version = await store.commit({ blobs: [node], heads });
    }
    equal((await store.collect()).blobs, 9);
    equal(text((await store.get((await store.head('a'))?.links[0] as string)).bytes), 'state 9');
  },

  'commits beside a collection lose nothing': async (store) => {
    const leaves = Array.from({ length: 200 }, (_, i) => blob(`shared ${i}`));
    const nodes = leaves.map((leaf, i) => blob(`node ${i}`, leaf, leaves[(i + 1) % leaves.length] as NewBlob));
    await store.commit({ blobs: [...leaves, ...nodes] });
    const collections = Promise.all([store.collect(), store.collect()]);
    // Each takes up what is loose at that time, or finds that it has gone and brings it along.
    const took = nodes.map(async (node, i) => {
      const heads = [{ name: `head ${i}`, expected: 0, state: { links: [blobName(node)] } }];
      await store.commit({ heads }).catch((error) => {
        reason('missing')(error);
        const blobs = [node, leaves[i] as NewBlob, leaves[(i + 1) % leaves.length] as NewBlob];
        return store.commit({ blobs, heads });
      });
    });
    await Promise.all(took);
    await collections;
    await store.collect();
    ok((await store.has([...leaves, ...nodes].map(blobName))).every(Boolean));
  },

  'a store that is closed says so': async (store) => {
    await store.close();
    await store.close();
    for (const act of [store.head('a'), store.commit({}), store.list(), store.collect(), store.has([])])
      await rejects(act, reason('closed'));
  },
};

export const conformance: readonly Case[] = Object.entries(cases).map(([title, run]) => ({ title, run }));
