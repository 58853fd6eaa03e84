// Writes src/api/schema.ts from the server's own description; --check only says whether it is current.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const target = join(here, "..", "src", "api", "schema.ts");
const ofTree = join(root, ".venv", "bin", "python");
const python = process.env.PYTHON ?? (existsSync(ofTree) ? ofTree : "python3");

const document = execFileSync(python, ["-m", "cpu_gpu_env.dashboard.openapi"], {
  cwd: root,
  encoding: "utf8",
  maxBuffer: 1 << 26,
});
const syntax = await openapiTS(JSON.parse(document), { defaultNonNullable: false });
const head = "// Made by `npm run types` from cpu_gpu_env.dashboard.openapi; not edited by hand.\n";
const text = head + astToString(syntax);

if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
} else if (!existsSync(target) || readFileSync(target, "utf8") !== text) {
  console.error("src/api/schema.ts is not what the server describes: run `npm run types`");
  process.exit(1);
}
