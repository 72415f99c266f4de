/** Server-sent events from pieces of text (WHATWG HTML, section 9.2.6). However the text is cut, the events are the same. */

export interface Frame {
  event: string;
  data: string;
  id: string;
}

export class Decoder {
  private rest = "";
  private event = "";
  private data: string[] = [];
  private id = "";
  private skipLineFeed = false;

  feed(piece: string): Frame[] {
    const frames: Frame[] = [];
    let text = this.rest + piece;
    if (this.skipLineFeed && text !== "") {
      if (text.startsWith("\n")) text = text.slice(1);
      this.skipLineFeed = false;
    }
    let start = 0;
    for (let at = 0; at < text.length; at++) {
      const char = text[at];
      if (char !== "\n" && char !== "\r") continue;
      this.line(text.slice(start, at), frames);
      if (char === "\r") {
        if (at + 1 === text.length) this.skipLineFeed = true;
        else if (text[at + 1] === "\n") at++;
      }
      start = at + 1;
    }
    this.rest = text.slice(start);
    return frames;
  }

  private line(line: string, frames: Frame[]): void {
    if (line === "") {
      if (this.data.length > 0) {
        frames.push({ event: this.event || "message", data: this.data.join("\n"), id: this.id });
      }
      this.event = "";
      this.data = [];
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    else if (field === "id") this.id = value;
  }
}
