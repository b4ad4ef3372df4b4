// VMs that talk, and outlive their process together. Three guests chat, and the host listens. After four lines it saves
// the whole group to a file: the guests in the middle of what they do, and what lies in their inboxes. The next process
// goes on from there. Nothing is said twice, and nothing is lost.
//
//     node examples/chat/main.js        # again and again, until all have left

import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { Module } from 'wasbox';
import { Group } from 'wasbox/talk';

const file = 'chat.wbx';
const module = Module.from(await readFile(new URL('guest.wasm', import.meta.url)));

/** What each has to say. It says the next line when it hears its name. */
const lines = {
  Ada: [
    'Bob, have you seen my umbrella?',
    'On Friday I came home wet. Bob?',
    'At five I am at work. Cleo, could you go?',
    'Then I want it before six. Thank you both!',
  ],
  Bob: [
    'The red one? Cleo borrowed it.',
    'It may be in my hall. Did you leave it there, Cleo?',
    'Then come and take it at five, Ada.',
    'I am. By the way, Ada: it will rain at six.',
  ],
  Cleo: ['I brought it back on Friday, Ada.', 'I did, and Bob was asleep.', 'I could, if Bob is at home.'],
};

function begin() {
  const group = new Group();
  /** It holds one line: whoever says the next one waits until the host has heard this one. */
  const said = group.port({ name: 'said', messages: 1 });
  const guests = Object.entries(lines).map(([name, own]) => {
    const script = group.port({ name: `lines of ${name}` });
    for (const line of own) script.sender.trySend(Buffer.from(line));
    // What is in the port can still be received; then the guest is told that nothing will follow.
    script.sender.close();
    return { name, script, inbox: group.port({ name: `inbox of ${name}` }) };
  });
  for (const { name, script, inbox } of guests) {
    const others = guests.filter((other) => other.name !== name);
    // An end of a port that is given to a guest is the guest's from then on; a clone is one more for the same port.
    const ports = {
      inbox: inbox.receiver,
      lines: script.receiver,
      said: said.sender.clone(),
      ...Object.fromEntries(others.map((other) => [other.name, other.inbox.sender.clone()])),
    };
    group.add(name, { module, export: 'chat', ports });
    for (const line of [name, 'Host: Ada, you begin.']) inbox.sender.trySend(Buffer.from(line));
  }
  // From now on only guests send, so that a port is closed when those who could send have left.
  for (const { sender } of [said, ...guests.map(({ inbox }) => inbox)]) sender.close();
  return { group, said: said.receiver };
}

function goOn(/** @type {Uint8Array} */ saved) {
  const group = Group.restore(saved, { modules: [module] });
  return { group, said: group.receiver('said') };
}

const { group, said } = existsSync(file) ? goOn(await readFile(file)) : begin();
const stop = new AbortController();
const running = group.run({ signal: stop.signal });

let line = await said.receive();
for (let heard = 1; line !== undefined; heard++, line = await said.receive()) {
  console.log(Buffer.from(line.bytes).toString());
  if (heard === 4) break;
}
// Between two turns of its members a group can stop, wherever they are.
stop.abort();
await running;

if (line === undefined) {
  for (const { name, outcome } of group.members)
    if (outcome?.status === 'returned') console.log(`  ${name} has left, and heard ${outcome.values[0]} lines`);
  await rm(file, { force: true });
} else {
  const bytes = group.save().encode();
  await writeFile(file, bytes);
  for (const member of group.members) {
    const stack = member.frames().map((frame) => frame.name);
    console.log(`  ${member.name} is ${member.status}${stack.length === 0 ? '' : ` in ${stack.join(' < ')}`}`);
  }
  console.log(`  saved ${bytes.length} bytes`);
}
