import { Paperclip, Send, Square, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import type { Content, ContentPart } from "./api";
import { busy, send, stop, type App } from "./chats";

const LARGEST = 5 * 1024 * 1024;

interface Attachment {
  name: string;
  part: ContentPart;
}

export function Composer({ app }: { app: App }) {
  const [text, setText] = useState("");
  const [files, setFiles] = useState<Attachment[]>([]);
  const [problem, setProblem] = useState("");
  const [early, setEarly] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const running = busy(app);

  useEffect(() => area.current?.focus(), [app.chat.id]);

  const attach = async (chosen: Iterable<File>) => {
    setProblem("");
    for (const file of chosen) {
      if (file.size > LARGEST) setProblem(`${file.name} is larger than 5 MB.`);
      else {
        const part = await partOf(file);
        setFiles((before) => [...before, { name: file.name, part }]);
      }
    }
  };
  const submit = () => {
    if (running || (text.trim() === "" && files.length === 0)) return;
    if (!app.chat.agent) {
      setEarly(true);
      return;
    }
    setEarly(false);
    const parts: ContentPart[] = files.map((file) => file.part);
    const content: Content = parts.length === 0 ? text : [{ type: "text", text }, ...parts];
    setText("");
    setFiles([]);
    void send(content);
  };
  // What was sent before the agents were known goes out when they are.
  useEffect(() => {
    if (early && app.chat.agent) submit();
  }, [early, app.chat.agent]);

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        void attach(event.dataTransfer.files);
      }}
    >
      {files.length > 0 && (
        <ul className="files" aria-label="Attachments">
          {files.map((file, at) => (
            <li key={at}>
              {file.name}
              <button type="button" className="quiet" aria-label={`Remove ${file.name}`} onClick={() => setFiles(files.toSpliced(at, 1))}>
                <X size={14} />
              </button>
            </li>
          ))}
        </ul>
      )}
      {problem && <p role="alert">{problem}</p>}
      <textarea
        ref={area}
        rows={Math.min(10, text.split("\n").length + 1)}
        aria-label="Message"
        placeholder={app.chat.agent ? `Ask ${app.chat.agent} …` : "…"}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onPaste={(event) => {
          if (event.clipboardData.files.length > 0) void attach(event.clipboardData.files);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault();
            submit();
          }
        }}
      />
      <div className="tools">
        <input ref={picker} type="file" multiple hidden onChange={(event) => void attach(event.target.files ?? [])} />
        <button type="button" className="quiet" aria-label="Attach files" onClick={() => picker.current?.click()}>
          <Paperclip size={18} />
        </button>
        <span className="grow hint">Enter sends · Shift+Enter breaks the line</span>
        {running ? (
          <button type="button" className="primary" onClick={stop} aria-label="Stop">
            <Square size={14} /> Stop
          </button>
        ) : (
          <button type="submit" className="primary" aria-label="Send">
            <Send size={14} /> Send
          </button>
        )}
      </div>
    </form>
  );
}

async function partOf(file: File): Promise<ContentPart> {
  const url = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
  if (file.type.startsWith("image/")) return { type: "image_url", image_url: { url } };
  return { type: "file", file: { filename: file.name, file_data: url } };
}
