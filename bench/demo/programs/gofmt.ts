// gofmt, with its garbage collector in the guest's memory: formats sources whose formatted text is known.

import { type Job, type Program, packageModule, stepsOf } from '../program.ts';

const module = packageModule('@wasm-fmt/gofmt', 'gofmt.wasm');

const rough = {
  head: 'package main\nimport ("os"\n"fmt")\n',
  part: (n: number) =>
    `func  part${n}( a []int ){\nif x:=${n};x>0{fmt.Println("part",x,  os.Args) }\nfor i:=0;i<3;i++{ a[i]=i*2+${n} }}\n` +
    `type T${n} struct{ A int \`json:"a"\`\n Longer string }\n`,
};
const neat = {
  head: 'package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n',
  part: (n: number) =>
    `\nfunc part${n}(a []int) {\n\tif x := ${n}; x > 0 {\n\t\tfmt.Println("part", x, os.Args)\n\t}\n` +
    `\tfor i := 0; i < 3; i++ {\n\t\ta[i] = i*2 + ${n}\n\t}\n}\n` +
    `\ntype T${n} struct {\n\tA      int \`json:"a"\`\n\tLonger string\n}\n`,
};

const source = ({ head, part }: typeof rough, parts: number): string =>
  head + Array.from({ length: parts }, (_, i) => part(i + 1)).join('');

const formatting = (parts: number): Job => ({
  name: `format ${parts} parts`,
  module,
  input: source(rough, parts),
  check: (output) => output === source(neat, parts),
});

const formatted = (parts: number): Job => ({
  name: `leave ${parts} parts alone`,
  module,
  input: source(neat, parts),
  check: (output) => output === source(neat, parts),
});

const broken = (parts: number): Job => ({
  name: `refuse what does not parse after ${parts} parts`,
  module,
  input: `${source(rough, parts)}func {`,
  check: (output) => /expected/.test((output as { error?: string }).error ?? ''),
});

export const gofmt: Program = {
  name: 'gofmt',
  from: 'Go',
  steps: stepsOf('gofmt'),
  sliceFuel: 80_000,
  jobs: [...[4, 8, 12, 16, 20].map(formatting), formatted(6), formatted(12), broken(12)],
};
