/** A real server of the agents beside this file, and a real browser: each test gets a page of its own. */

import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

import { chromium, type Browser, type Page } from "playwright-core";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const PYTHON = process.env["TURNSTREAM_PYTHON"] ?? "python";
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

export interface Served {
  url: string;
  stop(): Promise<void>;
}

export async function serve(name: string): Promise<Served> {
  const target = `agents:${name}`;
  const child = spawn(PYTHON, ["-m", "turnstream", "serve", target, "--port", "0", "--log-format", "text"], { cwd: FOLDER, env: { ...process.env, LOG_FORMAT: "text" } });
  const url = await address(child);
  return {
    url,
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.kill();
      }),
  };
}

function address(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const read = (piece: Buffer) => {
      said += piece.toString();
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
      if (found) resolve(found[0]);
    };
    child.stdout!.on("data", read);
    child.stderr!.on("data", read);
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
  });
}

export function launch(): Promise<Browser> {
  const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"];
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", ...quiet],
  });
}

/** A page that fails the test for whatever the browser complains of. */
export async function open(browser: Browser, url: string, options: object = {}): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 860 }, ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  page.setDefaultTimeout(15_000);
  await page.goto(url);
  return { page, problems };
}

export async function ask(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

export async function ended(page: Page): Promise<void> {
  await page.locator(".answer").last().and(page.locator("[aria-busy=false]")).waitFor();
}
