import test from 'ava';
import { Pool } from '../../../src/pool/index.ts';
import { script, bytesOf, textOf } from '../../talk/guests.ts';

test('echo', async (t) => {
  const pool = new Pool({ threads: 2 });
  const group = pool.group({});
  const a = await group.port({ name: 'in' });
  const b = await group.port({ name: 'out' });
  const module = await script(['receive 0 2048 100', 'send 1 2048 5']);
  const member = await group.add('echo', { module, export: 'main', ports: { in: a.receiver, out: b.sender } });
  const run = group.run();
  await a.sender.send(bytesOf('hello'));
  const got = await b.receiver.receive();
  t.is(textOf(got!.bytes), 'hello');
  t.deepEqual(await member.result, [5, 0]);
  t.like(await run, { status: 'ended' });
  group.dispose();
  await pool.close();
});
