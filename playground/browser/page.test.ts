import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { ask, ended, launch, open, proxy, serve, type Served } from "./server";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf-8");

let browser: Browser;
let free: Served;
let closed: Served;
let forgetful: Served;

beforeAll(async () => {
  [browser, free, closed, forgetful] = await Promise.all([
    launch(),
    serve("open_service"),
    serve("closed_service"),
    serve("forgetful_service", "memory"),
  ]);
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await Promise.all([free?.stop(), closed?.stop(), forgetful?.stop()]);
});

async function accessible(page: Page): Promise<void> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const axe = (window as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }).axe;
    return (await axe.run()).violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(" ")}`);
  });
  expect(found).toEqual([]);
}

test("an answer is streamed, and the run is taken apart beside it", async () => {
  const { page, problems } = await open(browser, free.url);
  await ask(page, "hello there");
  await ended(page);
  expect(await page.locator(".answer").innerText()).toContain("You said: hello there");
  expect(await page.locator(".facts").innerText()).toContain("12 + 7");
  expect(problems).toEqual([]);
});

test("a tool call is shown while it is written and run, with its progress and its result", async () => {
  const { page } = await open(browser, free.url);
  await page.evaluate(() => {
    const shown: string[] = ((window as unknown as { shown: string[] }).shown = []);
    new MutationObserver(() => shown.push(document.querySelector(".card")?.textContent ?? "")).observe(document, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    });
  });
  await ask(page, "tool please");
  const card = page.locator(".card");
  await ended(page);
  const shown = (await page.evaluate(() => (window as unknown as { shown: string[] }).shown)).join("\n");
  expect(shown).toContain("writing");
  expect(shown).toContain("asking the almanac");
  await card.getByRole("button").first().click();
  expect(await card.innerText()).toContain("Rome is sunny");
  expect(await page.locator(".answer").innerText()).toContain("The tool said: Rome is sunny");
});

test("reasoning is folded, markdown is drawn, and markup of the model is text", async () => {
  const { page, problems } = await open(browser, free.url);
  await ask(page, "think aloud");
  await ended(page);
  await page.getByRole("heading", { name: "Done" }).waitFor();
  expect(await page.locator(".prose li").count()).toBe(2);
  expect(await page.locator(".prose").innerText()).toContain("<script>alert(1)</script>");
  await page.getByRole("button", { name: "Reasoning" }).click();
  await page.getByText("First I look.").waitFor();
  expect(problems).toEqual([]);
});

test("a failure in mid-stream keeps what was said and tells the reason", async () => {
  const { page } = await open(browser, free.url);
  await ask(page, "break now");
  await ended(page);
  const answer = await page.locator(".answer").innerText();
  expect(answer).toContain("Half an ans");
  expect(answer).toContain("The model fell silent.");
});

test("a run can be stopped, and the question asked again", async () => {
  const { page } = await open(browser, free.url);
  await ask(page, "slow one");
  await page.getByText("One moment").waitFor();
  await page.keyboard.press("Escape");
  await page.getByText("Stopped.").waitFor();
  await page.getByRole("button", { name: "Retry" }).click();
  await page.getByText("One moment").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped.").waitFor();
});

test("an earlier question can be changed: what followed it is gone", async () => {
  const { page } = await open(browser, free.url);
  await ask(page, "first");
  await ended(page);
  await ask(page, "count");
  await page.getByText("You asked 2 times.").waitFor();
  await page.getByRole("button", { name: "Edit" }).first().click();
  await page.getByLabel("Edit the message").fill("count");
  await page.getByRole("button", { name: "Ask again" }).click();
  await page.getByText("You asked 1 times.").waitFor();
  expect(await page.locator(".turn").count()).toBe(1);
});

test("the same run is shown on every wire", async () => {
  const { page, problems } = await open(browser, free.url);
  await ask(page, "hello wires");
  await ended(page);
  await page.getByRole("tab", { name: "wires" }).click();
  const pick = page.locator(".pick select");
  for (const name of await pick.locator("option").evaluateAll((all) => all.map((option) => (option as HTMLOptionElement).value))) {
    await pick.selectOption(name);
    const code = page.locator(".inspector .code");
    await expect.poll(() => code.innerText(), { timeout: 10_000 }).toContain("hello wires");
    expect(await code.locator("figcaption").innerText()).toMatch(/[\d,.]+ bytes, \d+ frames/);
  }
  expect(problems).toEqual([]);
});

test("what the model was asked is shown step by step", async () => {
  const { page } = await open(browser, free.url);
  await ask(page, "tool please");
  await ended(page);
  await page.getByRole("tab", { name: "model" }).click();
  const view = page.locator(".inspector");
  await view.getByText('"lookup"').first().waitFor();
  expect(await view.innerText()).not.toContain("Rome is sunny");
  await page.locator(".pick select").selectOption("2");
  await view.getByText("Rome is sunny").first().waitFor();
});

test("a server with keys asks for one, keeps it for the tab, and says when it is wrong", async () => {
  const { page } = await open(browser, closed.url);
  await page.getByLabel("API key").fill("not-the-key");
  await page.keyboard.press("Enter");
  await page.getByText("does not take this key").waitFor();
  await page.getByLabel("API key").fill("the-key-of-the-tests");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "other" }).waitFor();
  await ask(page, "hello");
  await ended(page);
  expect(page.url()).toBe(`${closed.url}/`);
  await page.reload();
  await page.getByRole("button", { name: "other" }).waitFor();
});

test("an image goes to the model", async () => {
  const { page } = await open(browser, free.url);
  const pixel = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
  await page.locator("input[type=file]").setInputFiles({ name: "dot.png", mimeType: "image/png", buffer: pixel });
  await page.getByText("dot.png").waitFor();
  await ask(page, "look at this");
  await ended(page);
  expect(await page.locator(".question img").count()).toBe(1);
});

test("5,000 tokens hold the page up nowhere", async () => {
  const { page } = await open(browser, free.url);
  await page.evaluate(() => {
    const tasks: number[] = ((window as unknown as { tasks: number[] }).tasks = []);
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask" });
  });
  await ask(page, "long story");
  await page.locator(".answer[aria-busy=false]").waitFor({ timeout: 60_000 });
  expect(await page.locator(".answer").innerText()).toContain("token4999");
  const longest = Math.max(0, ...(await page.evaluate(() => (window as unknown as { tasks: number[] }).tasks)));
  expect(longest).toBeLessThan(200);
}, 90_000);

for (const colorScheme of ["light", "dark"]) {
  test(`the page is accessible (${colorScheme})`, async () => {
    const { page } = await open(browser, free.url, { colorScheme, bypassCSP: true });
    await accessible(page);
    await ask(page, "tool please");
    await ended(page);
    await page.locator(".card").getByRole("button").first().click();
    await page.waitForTimeout(300);
    for (const name of ["events", "wires", "request", "timeline"]) {
      await page.getByRole("tab", { name }).click();
      await accessible(page);
    }
  }, 60_000);
}

for (const kept of [true, false]) {
  test(`a call that waits is approved with other arguments, where it is asked (${kept ? "kept" : "in memory"})`, async () => {
    const { page, problems } = await open(browser, (kept ? free : forgetful).url);
    await ask(page, "pay please");
    const card = page.locator(".ask");
    await card.getByLabel("Arguments of pay").fill('{"amount": }');
    await card.getByText("must be a JSON object").waitFor();
    await card.getByLabel("Arguments of pay").fill('{"amount": 7}');
    await card.getByRole("button", { name: "Approve with these arguments" }).click();
    await ended(page);
    expect(await page.locator(".answer").innerText()).toContain("paid 7");
    expect(await page.locator(".ask").count()).toBe(0);
    expect(problems).toEqual([]);
  });
}

test("a call is denied, and the model hears why", async () => {
  const { page } = await open(browser, free.url);
  await ask(page, "pay please");
  await page.getByLabel("Reason, if you deny").fill("too dear");
  await page.getByRole("button", { name: "Deny" }).click();
  await ended(page);
  expect(await page.locator(".answer").innerText()).toContain("too dear");
});

test("a question of the model is answered by a choice, and the card is accessible", async () => {
  const { page } = await open(browser, free.url, { bypassCSP: true });
  await ask(page, "paint it");
  await page.getByText("Which colour?", { exact: true }).waitFor();
  await accessible(page);
  await page.getByRole("button", { name: "blue", exact: true }).click();
  await ended(page);
  expect(await page.locator(".answer").innerText()).toContain("The tool said: blue");
});

test("a question that is sent before the agents are known goes out when they are", async () => {
  const { page } = await open(browser, free.url, {}, async (page) => {
    await page.route("**/v1/models", async (route) => {
      await page.locator(".composer").getByText("Enter sends").waitFor();
      await ask(page, "hello early");
      await route.continue();
    });
  });
  await ended(page);
  expect(await page.locator(".turn .question").innerText()).toContain("hello early");
});

test("everything can be done with the keyboard", async () => {
  const { page } = await open(browser, free.url);
  await page.keyboard.type("hello keys");
  await page.keyboard.press("Enter");
  await ended(page);
  await page.keyboard.press("Control+b");
  expect(await page.getByRole("navigation").count()).toBe(0);
  await page.keyboard.press("Control+i");
  expect(await page.getByRole("complementary").count()).toBe(0);
  await page.keyboard.press("Control+Shift+o");
  expect(await page.locator(".turn").count()).toBe(0);
});

test("a narrow screen shows the chat, and the rest when it is asked for", async () => {
  const { page } = await open(browser, free.url, { viewport: { width: 390, height: 800 } });
  await ask(page, "hello phone");
  await ended(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.getByRole("button", { name: "Inspector" }).click();
  await page.getByRole("complementary").waitFor();
});

test("a chat is kept: found again, renamed, taken up, and deleted", async () => {
  const { page } = await open(browser, free.url);
  await ask(page, "remember the number 4711");
  await ended(page);
  const chats = page.getByRole("list", { name: "Chats" });
  await chats.getByText("remember the number 4711").waitFor();
  await page.getByRole("button", { name: "New chat" }).click();
  await ask(page, "something else");
  await ended(page);
  await chats.getByRole("button", { name: /^remember the number 4711/ }).click();
  await page.locator(".turn .question").getByText("remember the number 4711").waitFor();
  await ask(page, "count");
  await page.getByText("You asked 2 times.").waitFor();
  await page.getByRole("button", { name: "Actions for remember the number 4711" }).click();
  await page.getByRole("menuitem", { name: "Rename" }).click();
  await page.getByLabel("Title", { exact: true }).fill("A number");
  await page.keyboard.press("Enter");
  await chats.getByText("A number").waitFor();
  await page.getByLabel("Search titles").fill("something");
  await expect.poll(() => chats.getByText("A number").count()).toBe(0);
  await page.getByLabel("Search titles").fill("");
  await page.getByRole("button", { name: "Actions for A number" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await expect.poll(() => chats.getByText("A number").count()).toBe(0);
});

test("a run is taken up where the connection was lost, and says so", async () => {
  const network = await proxy(free.url);
  try {
    const { page } = await open(browser, network.url);
    await ask(page, "long story");
    await page.getByText("token200 ").first().waitFor();
    network.cut();
    await page.getByText("The connection was lost.").waitFor();
    await page.locator(".answer[aria-busy=false]").waitFor({ timeout: 60_000 });
    const words = (await page.locator(".answer").innerText()).match(/token\d+/g) ?? [];
    expect(words).toEqual(Array.from({ length: 5000 }, (_, at) => `token${at}`));
  } finally {
    network.stop();
  }
}, 90_000);

test("the description of the API is shown without a network", async () => {
  const { page, problems } = await open(browser, `${free.url}/docs`);
  await page.getByText("/v1/chat/completions").first().waitFor();
  expect(problems).toEqual([]);
});
