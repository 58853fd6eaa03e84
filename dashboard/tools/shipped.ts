// What is shipped beside the page: Swagger UI for /docs, and the licences of everything bundled.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const SWAGGER = "swagger-ui-dist";
const SWAGGER_FILES = ["swagger-ui.css", "swagger-ui-bundle.js"];
const LEGAL = /^(licen[cs]e|notice)(\.|$)/i;
const MAP_COMMENT = /\n?(\/\/# sourceMappingURL=.*|\/\*# sourceMappingURL=.* ?\*\/)\s*$/;

/** Folder of the package that a module is in; null: it is ours, or made by the build. */
function packageOf(id: string): string | null {
  const path = id.replace(/^\0/, "").split("?")[0]?.replaceAll("\\", "/") ?? "";
  const match = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path);
  return match?.[1] ?? null;
}

/** Name, version and licence of a package, with the texts that it comes with. */
function notice(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const texts = readdirSync(folder)
    .filter((file) => LEGAL.test(file) || file === "swagger-ui-bundle.js.LICENSE.txt")
    .sort()
    .map((file) => readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim());
  return [`${name} ${version} (${license})`, ...texts].join("\n\n");
}

/** Add Swagger UI's files, and one text with all licences, by name. */
export function shipped(root: string): Plugin {
  const swagger = join(root, "node_modules", SWAGGER);
  return {
    name: "shipped",
    apply: "build",
    generateBundle(_, bundle) {
      const folders = new Set([swagger]);
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk") continue;
        for (const id of Object.keys(chunk.modules)) {
          const folder = packageOf(id);
          if (folder !== null && existsSync(join(folder, "package.json"))) folders.add(folder);
        }
      }
      const notices = [...folders].map(notice).sort();
      const rule = `\n\n${"-".repeat(80)}\n\n`;
      const fileName = "assets/licenses.txt";
      this.emitFile({ type: "asset", fileName, source: `${notices.join(rule)}\n` });
      for (const name of SWAGGER_FILES) {
        const text = readFileSync(join(swagger, name), "utf8").replace(MAP_COMMENT, "\n");
        this.emitFile({ type: "asset", fileName: `docs/${name}`, source: text });
      }
    },
  };
}
