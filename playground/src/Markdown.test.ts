import { expect, test } from "vitest";

import { split } from "./Markdown";

test("paragraphs are blocks, and a code fence with blank lines is one", () => {
  expect(split("a\n\nb")).toEqual(["a\n", "b"]);
  expect(split("a\n\n```py\nx\n\ny\n```\n\nb")).toEqual(["a\n", "```py\nx\n\ny\n```\n", "b"]);
});

test("a list stays one block, whatever stands between its items", () => {
  expect(split("- a\n\n- b\n\n  more\n\nend")).toEqual(["- a\n\n- b\n\n  more\n", "end"]);
});

test("nothing is lost, however far the text has come", () => {
  const text = "# T\n\na\n\n~~~\n\n```\n\n~~~\n\n1. x\n\n2. y\n";
  for (let at = 0; at <= text.length; at++) expect(split(text.slice(0, at)).join("\n")).toBe(text.slice(0, at));
});
