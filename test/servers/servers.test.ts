// The servers that other tests start: they come up, keep what they have over a kill, stand still and go on.

import test from 'ava';
import { PostgresServer } from './postgres.ts';
import { RedisServer } from './redis.ts';
import { S3Server } from './s3.ts';
import { withPostgres, withRedis } from './tests.ts';

withRedis('a Redis comes up, and has what it kept after a kill', async (t) => {
  const server = await RedisServer.start({ password: 'a b@c' });
  try {
    await server.ask((client) => client.set('a', 'b'));
    await server.kill();
    await t.throwsAsync(server.ask((client) => client.get('a')));
    await server.start();
    server.freeze();
    const asked = server.ask((client) => client.get('a'));
    t.is(await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 300, 'silence'))]), 'silence');
    server.go();
    t.is(await asked, 'b');
  } finally {
    await server.remove();
  }
});

withPostgres('a PostgreSQL comes up, and has what it kept after a kill', async (t) => {
  const server = await PostgresServer.start();
  try {
    await server.ask("CREATE TABLE a AS SELECT 'b' AS b");
    await server.kill();
    await t.throwsAsync(server.ask('SELECT b FROM a'));
    await server.start();
    server.freeze();
    const asked = server.ask('SELECT b FROM a');
    t.is(await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 300, 'silence'))]), 'silence');
    server.go();
    t.deepEqual((await asked).rows, [{ b: 'b' }]);
  } finally {
    await server.remove();
  }
});

test.serial('a server of S3 comes up, and has what it kept after a kill', async (t) => {
  const server = await S3Server.start();
  const at = { Bucket: 'box', Key: 'a/b' };
  const asked = () => server.ask(async (client) => (await client.getObject(at)).Body?.transformToString());
  try {
    await server.ask((client) => client.putObject({ ...at, Body: 'c' }));
    await server.kill();
    await t.throwsAsync(asked());
    await server.start();
    server.freeze();
    const answer = asked();
    t.is(await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 300, 'silence'))]), 'silence');
    server.go();
    t.is(await answer, 'c');
    t.is(server.files('a').length, 1);
  } finally {
    await server.remove();
  }
});
