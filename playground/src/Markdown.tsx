/** Markdown as it is written: finished blocks are drawn once, only the last one again with each piece of text. */

import Markdown from "markdown-to-jsx";
import { memo, type ReactNode } from "react";

import { Code } from "./Code";

export function Prose({ text }: { text: string }) {
  return (
    <div className="prose">
      {split(text).map((block, at) => (
        <Block key={at} text={block} />
      ))}
    </div>
  );
}

const Block = memo(({ text }: { text: string }) => <Markdown options={OPTIONS}>{text}</Markdown>);

/** Blocks between blank lines; a code fence is one block, and lines that are indented belong to the block before. */
export function split(text: string): string[] {
  const blocks: string[] = [];
  let lines: string[] = [];
  let fence = "";
  for (const line of text.split("\n")) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1] ?? "";
    if (fence !== "" && mark.startsWith(fence) && line.trim() === mark) fence = "";
    else if (fence === "" && mark !== "") fence = mark;
    const begins = lines.length > 0 && lines.at(-1)?.trim() === "" && /^\S/.test(line) && !/^([-*+]|\d+[.)])\s/.test(line);
    if (begins && (fence === "" || fence === mark)) {
      blocks.push(lines.join("\n"));
      lines = [];
    }
    lines.push(line);
  }
  if (lines.length > 0) blocks.push(lines.join("\n"));
  return blocks;
}

function Fence({ children }: { children?: ReactNode }) {
  const code = (children as { props?: { className?: string; children?: unknown } } | undefined)?.props;
  const language = /lang(?:uage)?-([\w+#-]+)/.exec(code?.className ?? "")?.[1] ?? "";
  return <Code text={String(code?.children ?? "").replace(/\n$/, "")} language={language} />;
}

function Link({ href, children }: { href?: string; children?: ReactNode }) {
  const safe = href !== undefined && /^(https?:|mailto:|#)/i.test(href);
  return safe ? (
    <a href={href} target="_blank" rel="noreferrer">
      {children}
    </a>
  ) : (
    <>{children}</>
  );
}

/** An image of a model's text is not fetched: its address could tell a stranger what was said. */
function Picture({ alt, src }: { alt?: string; src?: string }) {
  return src?.startsWith("data:image/") ? <img alt={alt ?? ""} src={src} /> : <Link href={src ?? ""}>{alt || src}</Link>;
}

const OPTIONS = {
  disableParsingRawHTML: true,
  forceBlock: true,
  overrides: { pre: { component: Fence }, a: { component: Link }, img: { component: Picture } },
};
