// A package as it is: SQLite, compiled by Emscripten, with its own glue, on wasbox instead of the host's WebAssembly. The
// glue knows nothing of it; it finds a `WebAssembly` that has everything that the host's has.
//
//     node examples/package/main.js

globalThis.WebAssembly = (await import('wasbox/webassembly')).default;
// @ts-expect-error: it comes without types.
const { default: initSqlJs } = await import('sql.js');

const { Database } = await initSqlJs();
const db = new Database();
db.run(`
  create table moons (name text, planet text, radius real);
  insert into moons values ('Io', 'Jupiter', 1821.6), ('Europa', 'Jupiter', 1560.8), ('Titan', 'Saturn', 2574.7),
    ('Ganymede', 'Jupiter', 2634.1), ('Rhea', 'Saturn', 763.8), ('Triton', 'Neptune', 1353.4);
`);
const [rows] = db.exec(`
  select planet, count(*), max(radius), group_concat(name, ', ') from (select * from moons order by radius desc)
  group by planet order by 2 desc, 1`);
for (const [planet, moons, largest, names] of rows.values)
  console.log(`${planet}: ${moons}, up to ${largest} km: ${names}`);
db.close();
