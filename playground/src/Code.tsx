import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import css from "highlight.js/lib/languages/css";
import go from "highlight.js/lib/languages/go";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import jsonLanguage from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { Check, Copy } from "lucide-react";
import { memo, useMemo, useState } from "react";

const LANGUAGES = { bash, css, go, java, javascript, json: jsonLanguage, python, rust, sql, typescript, xml, yaml };
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);

const LONGEST_COLOURED = 50_000;

export const Code = memo(({ text, language = "", label }: { text: string; language?: string; label?: string }) => {
  const html = useMemo(() => colour(text, language), [text, language]);
  return (
    <figure className="code">
      <figcaption>
        <span>{label ?? language}</span>
        <CopyButton text={text} />
      </figcaption>
      <pre tabIndex={0}>{html === null ? <code>{text}</code> : <code dangerouslySetInnerHTML={{ __html: html }} />}</pre>
    </figure>
  );
});

/** Markup made by highlight.js, which escapes the text; null where the language is not known. */
function colour(text: string, language: string): string | null {
  if (!hljs.getLanguage(language) || text.length > LONGEST_COLOURED) return null;
  return hljs.highlight(text, { language, ignoreIllegals: true }).value;
}

export function CopyButton({ text, name = "Copy" }: { text: string; name?: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <button type="button" className="quiet" onClick={() => void copy()} aria-label={copied ? "Copied" : name}>
      {copied ? <Check size={14} /> : <Copy size={14} />}
    </button>
  );
}

export function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
