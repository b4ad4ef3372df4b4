// Prints how the VM does in the test suite as a Markdown table: `npm run suite [-- whole|step|safepoint|engines [FILE…]]`.
// The last hops by safe points from engine to engine, and compares what is saved with what the interpreter alone saves
// there. A FILE is named as in the table.

import { heat } from '../../src/vm/heat.ts';
import { type Group, groups } from './files.ts';
import { type Mode, type Report, runFile } from './run/runner.ts';

const modes: readonly string[] = ['whole', 'step', 'safepoint', 'engines'] satisfies readonly (Mode | 'engines')[];

const [named = 'whole', ...only] = process.argv.slice(2);
if (!modes.includes(named)) throw new Error(`${named} is none of ${modes.join(', ')}`);
const engines = named === 'engines';
if (engines) Object.assign(heat, { least: 0, perByte: 0 });
const mode = engines ? 'safepoint' : (named as Mode);

const failedAssertions = ({ failures }: Report): number =>
  failures.filter(({ command }) => command.startsWith('assert_')).length;

const row = (...cells: readonly (string | number)[]): void => console.log(`| ${cells.join(' | ')} |`);

const sum = (reports: readonly Report[], of: (report: Report) => number): number =>
  reports.reduce((total, report) => total + of(report), 0);

row('file', 'group', 'assertions', 'passed', ...(mode === 'whole' ? [] : ['hops']));
row('---', '---', '--:', '--:', ...(mode === 'whole' ? [] : ['--:']));
const reports: Report[] = [];
for (const group of Object.keys(groups) as Group[])
  for (const file of Object.keys(groups[group])) {
    if (only.length > 0 && !only.includes(file)) continue;
    const report = await runFile(file, mode, engines ? ['interpreter', 'auto'] : undefined, engines);
    const passed = report.assertions - failedAssertions(report);
    row(file, group, report.assertions, passed, ...(mode === 'whole' ? [] : [report.hops]));
    reports.push(report);
  }

const assertions = sum(reports, (report) => report.assertions);
const passed = assertions - sum(reports, failedAssertions);
row(
  '**total**',
  `${reports.length} files`,
  assertions,
  passed,
  ...(mode === 'whole' ? [] : [sum(reports, (r) => r.hops)]),
);

const failures = reports.flatMap((report) => report.failures);
if (failures.length > 0) console.log('\nFailures:\n');
for (const { at, command, expected, got } of failures)
  console.log(`- ${at} (${command}): expected ${expected}; got ${got.replaceAll('\n', '\n  ')}`);
if (failures.length > 0) process.exitCode = 1;
