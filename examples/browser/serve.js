// Bundles the page and its worker, and serves them with what is in `public`. Any bundler will do: wasbox is plain ES
// modules, and uses nothing of Node outside `wasbox/pool` and the command line.
//
//     node examples/browser/serve.js [PORT]

import { fileURLToPath } from 'node:url';
import { context } from 'esbuild';

const folder = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const bundles = await context({
  // The worker has a bundle of its own; the page names it by its URL beside itself.
  entryPoints: [folder('src/page.js'), folder('src/guest.js')],
  outdir: folder('public'),
  bundle: true,
  write: false,
  format: 'esm',
  target: 'es2022',
  logLevel: 'warning',
});
const port = Number(process.argv[2] ?? 8080);
const served = await bundles.serve({ host: '127.0.0.1', port, servedir: folder('public') });
console.log(`http://127.0.0.1:${served.port}/`);
