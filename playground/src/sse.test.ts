import { expect, test } from "vitest";

import { Decoder, type Frame } from "./sse";

const STREAM = "id: 0\nevent: text\ndata: {\"a\":\ndata: 1}\n\n: comment\n\nid: 1\r\ndata: x\r\n\r\nretry: 3\rdata:y\r\r";

function read(pieces: string[]): Frame[] {
  const decoder = new Decoder();
  return pieces.flatMap((piece) => decoder.feed(piece));
}

test("events are read with their names, data of several lines and ids", () => {
  expect(read([STREAM])).toEqual([
    { event: "text", data: '{"a":\n1}', id: "0" },
    { event: "message", data: "x", id: "1" },
    { event: "message", data: "y", id: "1" },
  ]);
});

test("however the stream is cut, the events are the same", () => {
  const whole = read([STREAM]);
  for (let one = 0; one <= STREAM.length; one++) {
    expect(read([STREAM.slice(0, one), STREAM.slice(one)])).toEqual(whole);
    expect(read([STREAM.slice(0, one), ...STREAM.slice(one)])).toEqual(whole);
  }
});
