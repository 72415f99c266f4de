/** A real server of the agents beside this file, and a real browser: each test gets a page of its own. */

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium, type Browser, type Page } from "playwright-core";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const PYTHON = process.env["TURNSTREAM_PYTHON"] ?? "python";
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

export interface Served {
  url: string;
  stop(): Promise<void>;
}

export async function serve(name: string, store = ""): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), "turnstream-page-"));
  const command = ["-m", "turnstream", "serve", `agents:${name}`, "--port", "0", "--store", store || `sqlite:${folder}/store.db`];
  const child = spawn(PYTHON, command, { cwd: FOLDER, env: { ...process.env, LOG_FORMAT: "text" } });
  const url = await address(child);
  return {
    url,
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => {
          rmSync(folder, { recursive: true });
          resolve();
        });
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

export interface Proxy {
  url: string;
  /** End every connection that there is, as a network that fails does. */
  cut(): void;
  stop(): void;
}

export async function proxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const listener = createServer((client) => {
    const server = connect(Number(port), hostname);
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => sockets.delete(socket));
    }
    client.pipe(server).pipe(client);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    cut,
    stop: () => {
      cut();
      listener.close();
    },
  };
}

/** A page that fails the test for whatever the browser complains of. */
export async function open(
  browser: Browser,
  url: string,
  options: object = {},
  prepare: (page: Page) => Promise<void> = async () => {},
): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 860 }, ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
  page.setDefaultTimeout(30_000);
  await prepare(page);
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
