import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts"] } },
      { test: { name: "browser", include: ["browser/**/*.test.ts"], testTimeout: 30_000, fileParallelism: false } },
    ],
  },
});
