/** Makes the picture of the README; it is not compared: SCREENSHOT=path npx vitest run --project browser screenshot */

import { test } from "vitest";

import { ask, ended, launch, open, serve } from "./server";

const target = process.env["SCREENSHOT"];

test.skipIf(!target)("the picture of the page", async () => {
  const [browser, served] = await Promise.all([launch(), serve("open_service")]);
  const { page } = await open(browser, served.url, { viewport: { width: 1280, height: 720 } });
  await ask(page, "tool please: what is it like in Rome today?");
  await ended(page);
  await ask(page, "think about it, with a list and some code");
  await ended(page);
  await page.locator(".turn").first().getByRole("button", { name: "Inspect" }).click();
  await page.locator(".card").getByRole("button").first().click();
  await page.locator(".scroll").evaluate((box) => box.scrollTo(0, 0));
  await page.waitForTimeout(400);
  await page.screenshot({ path: target! });
  await browser.close();
  await served.stop();
}, 60_000);
