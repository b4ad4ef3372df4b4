// examples/approval: what waits outlives kill -9, each call acts once, and hostile code and requests harm nobody. Its page
// has a test of its own (browser/approval.test.ts).

import test from 'ava';
import { isOver, Server, stateFolder } from './approval.ts';

const order = `
  const prices = await Promise.all(["paper", "ink"].map(quote.async));
  console.log("prices", prices);
  const receipt = pay("the stationer", prices[0] + prices[1]);
  send("the office", receipt);
  ({ receipt, paid: prices[0] + prices[1] })`;

test.serial('killed while a program waits, it is asked the same, and goes on from there', async (t) => {
  t.timeout(600_000);
  const folder = await stateFolder(t);
  const first = await Server.start(t, folder);
  const id = await first.submit(order);
  const waits = await first.reached(id, ({ status }) => status === 'waiting');
  t.deepEqual(waits.printed, ['prices [ 76, 342 ]']);
  t.like(waits.waits, [{ id: `${id}-3`, tool: 'pay', args: ['"the stationer"', '418'] }]);
  t.is(await first.end('SIGKILL'), 'SIGKILL');

  const second = await Server.start(t, folder);
  t.deepEqual((await second.seen()).runs, [waits]);
  t.is(await second.decide(id, `${id}-3`, true), 204);
  // Asked again, it waits for that no more.
  t.is(await second.decide(id, `${id}-3`, false), 409);
  const done = await second.reached(id, isOver);
  t.like(done, { status: 'done', answer: "{ receipt: 'R-1', paid: 418 }", printed: waits.printed });
  t.deepEqual(
    done.entries.map(({ id: call, answer }) => [call, answer]),
    [
      [`${id}-3`, 'R-1'],
      [`${id}-4`, 'M-2'],
    ],
  );
  t.is((await second.seen()).balance, 5000 - 418);
  t.is(await second.end('SIGTERM'), 0);

  const third = await Server.start(t, folder);
  t.deepEqual((await third.seen()).runs, [done]);
  t.is((await third.ask('DELETE', `/runs/${id}`)).status, 204);
  t.deepEqual(await third.seen(), { balance: 5000 - 418, runs: [] });
});

test.serial('killed over and over in the midst of its calls, each acts once', async (t) => {
  t.timeout(600_000);
  const folder = await stateFolder(t);
  let server = await Server.start(t, folder);
  const id = await server.submit(`
    const sent = [];
    for (let i = 0; i < 12; i++) sent.push(...await Promise.all([send.async("a", "x" + i), send.async("b", "y" + i)]));
    sent.push(pay("c", 7));
    sent.length + " " + new Set(sent).size`);
  for (let kills = 0; kills < 4; kills++) {
    await server.reached(id, ({ entries }) => entries.length > 5 * kills);
    await server.end('SIGKILL');
    server = await Server.start(t, folder);
  }
  const { waits } = await server.reached(id, ({ status }) => status === 'waiting');
  t.is(await server.decide(id, waits[0]?.id as string, true), 204);
  await server.end('SIGKILL');
  server = await Server.start(t, folder);
  const done = await server.reached(id, isOver);
  t.is(done.answer, '"25 25"');
  const numbers = done.entries.map((entry) => Number(entry.id.split('-')[1])).sort((a, b) => a - b);
  t.deepEqual(
    numbers,
    Array.from({ length: 25 }, (_, i) => i + 1),
  );
  // The account and the count of acts changed once for each.
  t.is((await server.seen()).balance, 4993);
  const next = await server.reached(await server.submit('send("a", "last")'), isOver);
  t.is(next.answer, '"M-26"');
});

test.serial("a refusal is the program's to catch, and words hold for their call alone", async (t) => {
  t.timeout(600_000);
  const server = await Server.start(t, await stateFolder(t));
  const id = await server.submit(`
    const tell = (to) => pay.async(to, 10).catch((error) => error.message);
    const both = await Promise.all([tell("a"), tell("b")]);
    both.push(ask("Again?"), pay("c", 10000));`);
  const [one, two] = (await server.reached(id, ({ status }) => status === 'waiting')).waits;
  t.is(await server.decide(id, two?.id as string, false), 204);
  const left = await server.reached(id, ({ status }) => status === 'waiting');
  t.deepEqual(left.waits, [one]);
  t.is(await server.decide(id, one?.id as string, true), 204);
  const asks = await server.reached(id, ({ waits }) => waits[0]?.tool === 'ask');
  t.is(await server.decide(id, asks.waits[0]?.id as string, false), 204);
  const dear = await server.reached(id, ({ waits }) => waits[0]?.tool === 'pay');
  t.is(await server.decide(id, dear.waits[0]?.id as string, true), 204);
  const failed = await server.reached(id, isOver);
  t.is(failed.status, 'failed');
  t.regex(failed.answer as string, /^Error: 10000 for c: there is only 4990\n/);
  t.deepEqual(
    failed.entries.map((entry) => entry.id),
    [one?.id],
  );
});

test.serial('a program that sleeps goes on by itself, also when the server was killed meanwhile', async (t) => {
  t.timeout(600_000);
  const folder = await stateFolder(t);
  const first = await Server.start(t, folder);
  const sleeper = await first.submit('await new Promise((r) => setTimeout(r, 6000)); "awake"');
  const late = 'new Promise((r) => setTimeout(r, 6000, "too late"))';
  const hasty = await first.submit(`await Promise.race([ask.async("Now?"), ${late}])`);
  const rest = await Promise.all([sleeper, hasty].map((id) => first.reached(id, ({ until }) => until !== undefined)));
  t.deepEqual(
    rest.map(({ status }) => status),
    ['sleeping', 'waiting'],
  );
  await first.end('SIGKILL');
  const second = await Server.start(t, folder);
  t.is((await second.reached(sleeper, isOver)).answer, '"awake"');
  t.is((await second.reached(hasty, isOver)).answer, '"too late"');
});

test.serial('hostile code is stopped by its limits, and others go on meanwhile', async (t) => {
  t.timeout(600_000);
  const server = await Server.start(t, await stateFolder(t));
  const hostile = [
    ['for (;;);', /limit (fuel|time)/],
    ['const a = []; for (;;) try { a.push(new ArrayBuffer(1e6)) } catch {}', /limit memory/],
    ['for (;;) console.log("x".repeat(900))', /limit output/],
    ['for (;;) send("a", "b")', /limit (calls|time)/],
    ['send("a".repeat(1e6), 1)', /limit value/],
    ['const f = () => f(); f()', /^RangeError/],
    ['pay("you\\u202e", 5)', /^TypeError: whom to pay is a visible text/],
    ['pay("you", -5)', /^TypeError: an amount/],
    ['pay({ toString: null }, [])', /^TypeError/],
    ['ask()', /^TypeError/],
    ['nobody()', /^ReferenceError/],
    ['(', /^SyntaxError/],
  ] as const;
  const ids = await Promise.all(hostile.map(([code]) => server.submit(code)));
  const other = await server.submit('1 + 1');
  t.is((await server.reached(other, isOver)).answer, '2');
  for (const [i, [code, answer]] of hostile.entries()) {
    const run = await server.reached(ids[i] as string, isOver);
    t.regex(run.answer as string, answer, code);
    t.not(run.status, 'done', code);
  }
  t.is((await server.seen()).balance, 5000);
});

test.serial('requests that may not be are refused, and so are more runs than are kept', async (t) => {
  t.timeout(600_000);
  const server = await Server.start(t, await stateFolder(t));
  const status = async (...asked: Parameters<Server['ask']>) => (await server.ask(...asked)).status;
  t.is(await status('POST', '/runs', { code: ' ' }), 400);
  t.is(await status('POST', '/runs', {}), 400);
  t.is(await status('POST', '/runs', 'no JSON'), 400);
  t.is(await status('POST', '/runs', 'null'), 400);
  t.is(await status('POST', '/runs', { code: `//${'x'.repeat(16 * 1024)}` }), 413);
  t.is(await status('POST', '/runs', { code: '1' }, { 'content-type': 'text/plain' }), 415);
  t.is(await status('POST', '/runs', { code: '1' }, { origin: 'https://example.org' }), 403);
  t.is(await status('DELETE', '/runs/none'), 404);
  t.is(await status('GET', '/src/runs.js'), 404);
  t.is(await status('GET', '/../serve.js'), 404);
  t.is(await server.decide('none', 'none-1', true), 404);
  t.deepEqual((await server.seen()).runs, []);
  t.regex((await server.ask('GET', '/')).headers.get('content-security-policy') as string, /^default-src 'none'/);

  const [first] = await Promise.all(
    Array.from({ length: 100 }, () => server.submit('await new Promise((r) => setTimeout(r, 1e9))')),
  );
  t.is(await status('POST', '/runs', { code: '1' }), 429);
  t.is(await status('DELETE', `/runs/${first}`), 204);
  const over = await server.submit('1');
  await server.reached(over, isOver);
  // What is over makes room.
  const next = await server.submit('2');
  const { runs } = await server.seen();
  t.is(runs.length, 100);
  t.false(runs.some(({ id }) => id === over));
  t.is((await server.reached(next, isOver)).answer, '2');
  t.is(await server.decide(next, `${next}-1`, true), 409);
  t.is(await server.decide(next, `${next}-1`, 'yes'), 400);
});
