// `--store URL`: programs, batches and lists of jobs in a database, whose password nobody is told.

import { RedisServer } from '../servers/redis.ts';
import { becomeUser, S3Server } from '../servers/s3.ts';
import { withRedis } from '../servers/tests.ts';
import { Folder } from './wasbox.ts';

withRedis('a store in a database does on the command line what a folder does', async (t) => {
  const server = await RedisServer.start({ password: 's3cr3t' });
  const folder = await Folder.make();
  t.teardown(async () => {
    await server.remove();
    await folder.remove();
  });
  await folder.lines('jobs.jsonl', [{ module: 'math.wasm', export: 'add', args: [40, 2] }]);
  const said: string[] = [];
  const run = async (...args: string[]) => {
    const { code, out, err } = await folder.wasbox(...args);
    said.push(out, err);
    return `${code} ${out} ${err}`;
  };
  const { url } = server;
  for (const engine of ['interpreter', 'native']) {
    const add = ['run', 'math.wasm', '--invoke', 'add', '3', '4', '--engine', engine];
    t.regex(await run(...add, '--store', url, '--key', engine), /^0 7\n/);
  }
  t.regex(await run('jobs', 'list', url), /^0 .*native +done/s);
  t.regex(await run('batch', 'jobs.jsonl', '--store', url), /^0 .*add: 42/s);
  t.regex(await run('inspect', url), /^0 .*a store of 2 heads/);
  t.regex(await run('jobs', 'rm', url, 'native'), /^0 .*1 job removed/s);
  t.regex(await run('jobs', 'show', url, 'native'), /^2 .*has no job "native"/s);
  t.regex(await run('jobs', 'list', url.replace('redis:', 'mysql:')), /^2 .*there is no store at mysql:/s);
  t.notRegex(said.join('\n'), /s3cr3t/);
});

withRedis('a store whose large blobs are in a bucket does so, too', async (t) => {
  becomeUser();
  const [redis, s3, folder] = await Promise.all([
    RedisServer.start({ password: 's3cr3t' }),
    S3Server.start(),
    Folder.make(),
  ]);
  t.teardown(() => Promise.all([redis, s3, folder].map((each) => each.remove())));
  const url = `${redis.url}?large=${encodeURIComponent(s3.at('cli'))}&largeFrom=20`;
  const run = async (...args: string[]) => {
    const { code, out, err } = await folder.wasbox(...args);
    t.notRegex(out + err, /s3cr3t/);
    return `${code} ${out} ${err}`;
  };
  for (const engine of ['interpreter', 'native']) {
    const add = ['run', 'math.wasm', '--invoke', 'add', '3', '4', '--engine', engine];
    t.regex(await run(...add, '--store', url, '--key', engine), /^0 7\n/);
  }
  t.true(s3.files('cli').length > 0);
  t.regex(await run('jobs', 'list', url), /^0 .*native +done/s);
  t.regex(await run('jobs', 'rm', url, 'native', 'interpreter'), /^0 .*2 jobs removed/s);
  t.regex(await run('jobs', 'list', 's3://box/cli'), /^2 .*no store by itself/s);
});
