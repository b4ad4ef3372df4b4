// Programs to begin with.

/** By what they show. @type {Readonly<Record<string, string>>} */
export const samples = {
  'An order': `// Three quotes at once, then a human decides.
const items = ["paper", "ink", "a stapler"];
const prices = await Promise.all(items.map(quote.async));
const total = prices.reduce((sum, price) => sum + price);
console.log(\`\${items.join(", ")}: \${prices.join(" + ")} = \${total}\`);

// Waits here, for as long as it takes.
const receipt = pay("Stationer's", total);

send("the office", \`ordered for \${total}, \${receipt}\`);
({ total, receipt })`,

  'Two at once': `// Both wait side by side; either may be approved first.
const settle = async (to, amount) => {
  try {
    return \`\${to}: \${await pay.async(to, amount)}\`;
  } catch (error) {
    return \`\${to}: \${error.message}\`;
  }
};
await Promise.all([settle("the carpenter", 300), settle("the painter", 220)])`,

  'Inside a sort': `// The comparator of a sort waits, on the engine's own stack.
const fruits = ["apples", "cherries", "plums", "pears"];
fruits.sort((a, b) => ask(\`Do you like \${a} better than \${b}?\`) ? -1 : 1)`,

  'A minute to decide': `// Goes on by itself when nobody has decided in time.
const late = new Promise((resolve) => setTimeout(resolve, 60_000, "too late"));
const word = await Promise.race([ask.async("Ship it today?"), late]);
word === true ? "shipped" : word === false ? "held back" : word`,

  Hostile: `// Harms nobody: it ends over one of its limits.
const hoard = [];
for (;;) try { hoard.push(new ArrayBuffer(1e6)); } catch {}`,
};
