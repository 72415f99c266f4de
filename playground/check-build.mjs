// Whether the committed build is what the source gives: builds into a temporary folder and compares every byte.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const committed = new URL("../src/turnstream/server/playground/", import.meta.url).pathname;
const fresh = mkdtempSync(join(tmpdir(), "playground-"));
try {
  execFileSync("npx", ["vite", "build", "--outDir", fresh, "--emptyOutDir", "--logLevel", "warn"], { stdio: "inherit" });
  const files = (folder) => readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).replace(/^\//, ""))
    .sort();
  const [want, have] = [files(fresh), files(committed)];
  const differ = want.filter((name) => !have.includes(name) || !readFileSync(join(fresh, name)).equals(readFileSync(join(committed, name))));
  const extra = have.filter((name) => !want.includes(name));
  if (differ.length > 0 || extra.length > 0) {
    console.error(`The committed build is not what the source gives: ${[...differ, ...extra].join(", ")}. Run 'make playground'.`);
    process.exit(1);
  }
} finally {
  rmSync(fresh, { recursive: true });
}
