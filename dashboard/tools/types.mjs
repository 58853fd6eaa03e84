// Writes src/api/schema.ts from the server's pydantic models; --check only says whether it is current.
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

const document = execFileSync(python, [join(here, "schemas.py")], {
  cwd: root,
  encoding: "utf8",
  maxBuffer: 1 << 26,
});
const syntax = await openapiTS(JSON.parse(document), { defaultNonNullable: false });
const head = "// Made by `npm run types` from cpu_gpu_env/dashboard/schemas; not edited by hand.\n";
const text = head + astToString(syntax);

if (!process.argv.includes("--check")) {
  writeFileSync(target, text);
} else if (!existsSync(target) || readFileSync(target, "utf8") !== text) {
  console.error("src/api/schema.ts is not what the server's models give: run `npm run types`");
  process.exit(1);
}
