export default {
  files: ['test/**/*.test.ts'],
  extensions: { ts: 'module' },
  nodeArguments: ['--import=./test/tsx.mjs'],
  timeout: '10m',
};
