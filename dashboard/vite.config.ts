import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { shipped } from "./tools/shipped.ts";

const root = fileURLToPath(new URL(".", import.meta.url));
const page = fileURLToPath(new URL("../cpu_gpu_env/dashboard/page", import.meta.url));
const server = process.env.DASHBOARD_SERVER ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), shipped(root)],
  server: {
    proxy: {
      "/api": server,
      "/ws": { target: server.replace(/^http/, "ws"), ws: true },
    },
  },
  build: {
    outDir: page,
    emptyOutDir: true,
    sourcemap: false,
    modulePreload: { polyfill: false },
    // The charts come in one piece of their own, after the page has been drawn first.
    chunkSizeWarningLimit: 1000,
    // Fixed names: the server sends an ETag and no-cache, and the bundle's history stays readable.
    rolldownOptions: {
      output: {
        entryFileNames: "assets/app.js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: (asset) =>
          asset.names[0]?.endsWith(".css") ? "assets/app.css" : "assets/[name][extname]",
      },
    },
  },
  // The tests leave nothing behind: one worker for all of them starts quickest.
  test: { isolate: false, pool: "threads", maxWorkers: 1, include: ["src/**/*.test.{ts,tsx}"] },
});
