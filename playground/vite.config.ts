import { readFileSync } from "node:fs";

import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** What `/docs` needs, from the package that Swagger UI ships, so that it works without a network. */
function swagger(): Plugin {
  const files = { "swagger-ui.js": "swagger-ui-bundle.js", "swagger-ui.css": "swagger-ui.css" };
  return {
    name: "swagger-ui",
    generateBundle() {
      for (const [name, source] of Object.entries(files)) {
        const text = readFileSync(new URL(`node_modules/swagger-ui-dist/${source}`, import.meta.url), "utf-8");
        const asset = text.replace(/\n?(\/\/#|\/\*#) sourceMappingURL=.*/g, "");
        this.emitFile({ type: "asset", fileName: `assets/${name}`, source: `${asset.trimEnd()}\n` });
      }
    },
  };
}

// The build is committed, so its names are fixed and hold no hash: the server sends them with an entity tag.
export default defineConfig({
  base: "./",
  plugins: [react(), swagger()],
  build: {
    outDir: "../src/turnstream/server/playground",
    emptyOutDir: true,
    modulePreload: false,
    chunkSizeWarningLimit: 900,
    rollupOptions: {
      output: {
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8000", "/playground": "http://127.0.0.1:8000" } },
});
