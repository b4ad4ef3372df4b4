// The documentation of the API: `npm run docs` writes it to site/. Warnings are errors: a public name without a
// docstring, a type that a public name mentions and that is not public itself, a link that leads nowhere.

import { Converter } from 'typedoc';

/** Pages are called by their first headings. */
function byHeading(/** @type {import('typedoc').Application} */ app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    const text = document.content.map((part) => part.text).join('');
    document.name = /^# (.*)$/m.exec(text)?.[1] ?? document.name;
  });
}

export default {
  name: 'wasbox',
  plugin: [byHeading],
  tsconfig: '../tsconfig.json',
  entryPoints: [
    '../src/index.ts',
    '../src/talk/index.ts',
    '../src/pool/index.ts',
    '../src/queue/index.ts',
    '../src/pool/watch/metrics.ts',
    '../src/pool/watch/telemetry.ts',
    '../src/store/disk/index.ts',
    '../src/wasi/node/index.ts',
    '../src/javascript/node/index.ts',
    '../src/js-api/index.ts',
  ],
  // Types are checked by `npm run check`, with the compiler that the project uses.
  skipErrorChecking: true,
  out: 'site',
  readme: '../README.md',
  projectDocuments: [
    '../examples/README.md',
    '../examples/browser/README.md',
    '../SECURITY.md',
    '../CHANGELOG.md',
    '../CONTRIBUTING.md',
    '../src/README.md',
    '../src/RATIONALE.md',
    '../src/queue/README.md',
  ],
  excludePrivate: true,
  excludeProtected: true,
  excludeInternal: true,
  excludeExternals: true,
  disableSources: true,
  // Its page has no anchor for what extends a mapped type, and links lead there.
  includeHierarchySummary: false,
  // A property may do without where its name and type say all.
  requiredToBeDocumented: [
    ...['Class', 'Interface', 'TypeAlias', 'Variable', 'Function', 'Method', 'CallSignature', 'GetSignature'],
  ],
  intentionallyNotExported: [
    // Numbers that count something, and types that only our own rooms look into.
    ...['TypeIdx', 'FuncIdx', 'MemAddr', 'DefType', 'Inspect', 'RefHome', 'HostMemory', 'Signal'],
    ...['FileSystem', 'Surroundings', 'SavedFiles', 'InstanceLike'],
    // Parts of types, for the compiler to find out what follows from a signature.
    ...['Only', 'Given', 'Taken', 'RefTypeName', 'MemoryNamed'],
    // What the look-alike makes and takes is what the host's namespace makes and takes, whose names it has there.
    ...['Bytes', 'Source', 'CompileOptions', 'Imports', 'Instantiated', 'ErrorClass', 'ValueTypeMap'],
    ...[
      'ModuleObject',
      'InstanceObject',
      'MemoryObject',
      'TableObject',
      'GlobalObject',
      'TagObject',
      'ExceptionObject',
    ],
    ...['ExportDescriptor', 'ImportDescriptor'],
  ],
  validation: { notExported: true, invalidLink: true, notDocumented: true, invalidPath: true },
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
};
