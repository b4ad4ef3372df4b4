// A server for programs that wait for a human. All that it knows is in a store on disk, so it may be killed at any moment;
// the next one goes on where it was.
//
//     node examples/approval/serve.js [PORT] [FOLDER]
//
// It listens on this machine only, and asks nobody who they are: put your own sign-in before it.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { bounds, Refusal, Runs } from './src/runs.js';

const [port = '8090', folder = 'approval-state'] = process.argv.slice(2);

/** Without its store the process can promise nothing; what it had acknowledged is on the disk. @param {unknown} error */
function lost(error) {
  console.error(error);
  process.exit(1);
}
const runs = await Runs.open(folder, lost);

/** What a browser may do with what we send: nothing but our own page. */
const headers = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

/** @typedef {{ status: number, type?: string, body?: string | Buffer, etag?: string }} Answer */

const file = async (/** @type {string} */ name, /** @type {string} */ type) => ({
  ...{ status: 200, type: `${type}; charset=utf-8` },
  body: await readFile(new URL(`public/${name}`, import.meta.url)),
});
/** @param {unknown} value @returns {Answer} */
const json = (value, status = 200) => ({ status, type: 'application/json', body: JSON.stringify(value) });

/** Tells whether what a page knows is still so; another process counts anew. */
const etag = () => `"${process.pid}-${runs.changes}"`;

/**
 * What is answered, by method and path; `:` stands for any name.
 * @type {Record<string, (names: string[], body: Record<string, unknown>) => Answer | Promise<Answer>>}
 */
const routes = {
  'GET /': () => file('index.html', 'text/html'),
  'GET /page.css': () => file('page.css', 'text/css'),
  'GET /page.js': () => file('page.js', 'text/javascript'),
  'GET /samples.js': () => file('samples.js', 'text/javascript'),
  'GET /runs': () => ({ ...json(runs.view), etag: etag() }),
  'POST /runs': async (_, { code }) => json({ id: await runs.submit(code) }, 201),
  'POST /runs/:/calls/:': async ([id = '', call = ''], { approved }) => {
    await runs.decide(id, call, approved);
    return { status: 204 };
  },
  'DELETE /runs/:': async ([id = '']) => {
    await runs.remove(id);
    return { status: 204 };
  },
};

/** @param {import('node:http').IncomingMessage} request @returns {Promise<Answer>} */
async function answer(request) {
  checkSender(request);
  const parts = new URL(request.url ?? '/', 'http://here').pathname.split('/');
  for (const [route, act] of Object.entries(routes)) {
    const [method, path = ''] = route.split(' ');
    const wanted = path.split('/');
    if (method !== request.method || wanted.length !== parts.length) continue;
    if (!wanted.every((part, i) => part === ':' || part === parts[i])) continue;
    const names = parts.filter((_, i) => wanted[i] === ':');
    return act(names, method === 'POST' ? await bodyOf(request) : {});
  }
  throw new Refusal(404, 'there is no such thing');
}

/**
 * Other sites that a human has open cannot speak for them: what changes something is JSON, which a browser sends across sites
 * only if we allow it; and a name that was led here by another site's DNS is not ours.
 * @param {import('node:http').IncomingMessage} request
 */
function checkSender({ method, headers: { host = '', origin, 'content-type': type } }) {
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(host)) throw new Refusal(403, 'this server has another name');
  if (origin !== undefined && origin !== `http://${host}`) throw new Refusal(403, 'another site asks');
  if (method === 'POST' && type !== 'application/json') throw new Refusal(415, 'what is sent is JSON');
}

/** Code may have to be escaped. */
const mostBody = 6 * bounds.code + 1024;

/** @param {import('node:http').IncomingMessage} request @returns {Promise<Record<string, unknown>>} */
async function bodyOf(request) {
  /** @type {Buffer[]} */
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > mostBody) throw new Refusal(413, `code has at most ${bounds.code} bytes`);
    chunks.push(chunk);
  }
  try {
    return Object(JSON.parse(Buffer.concat(chunks).toString()));
  } catch {
    throw new Refusal(400, 'no JSON');
  }
}

const server = createServer(async (request, response) => {
  try {
    const { status, type, body, etag } = await answer(request).catch((error) => {
      if (!(error instanceof Refusal)) throw error;
      return { ...json({ message: error.message }, error.status), etag: undefined };
    });
    const isKnown = etag !== undefined && request.headers['if-none-match'] === etag;
    response.writeHead(isKnown ? 304 : status, {
      ...headers,
      ...(type && { 'content-type': type }),
      ...(etag && { etag }),
    });
    // What of a body was not read is not waited for.
    response.end(isKnown ? undefined : body, () => request.complete || request.destroy());
  } catch (error) {
    console.error(error);
    response.destroy();
  }
});
Object.assign(server, { requestTimeout: 10_000, headersTimeout: 10_000, maxConnections: 200 });

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM']))
  process.once(signal, async () => {
    server.close();
    server.closeAllConnections();
    await runs.close();
  });

server.listen(Number(port), '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`http://127.0.0.1:${address.port}/`);
});
