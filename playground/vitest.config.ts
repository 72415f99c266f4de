import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts"] } },
      // A real browser on a machine that is busy with something else may miss a frame: such a story is told again.
      { test: { name: "browser", include: ["browser/**/*.test.ts"], testTimeout: 60_000, retry: 2, fileParallelism: false } },
    ],
  },
});
