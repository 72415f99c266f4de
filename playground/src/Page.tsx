import { PanelLeft, PanelRight, Plus } from "lucide-react";
import { useEffect, useState } from "react";

import { ChatView } from "./ChatView";
import { Inspector } from "./Inspector";
import { KeyDialog } from "./KeyDialog";
import { Sidebar } from "./Sidebar";
import { begin, busy, stop, useApp } from "./chats";

const WIDE = "(min-width: 1100px)";

export function Page() {
  const app = useApp();
  const [left, setLeft] = useState(() => matchMedia("(min-width: 800px)").matches);
  const [right, setRight] = useState(() => matchMedia(WIDE).matches);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const mod = event.metaKey || event.ctrlKey;
      if (event.key === "Escape" && busy(app) && !document.querySelector("[role=dialog]")) stop();
      else if (mod && event.key === "b") toggle(event, setLeft);
      else if (mod && event.key === "i") toggle(event, setRight);
      else if (mod && event.shiftKey && event.key.toLowerCase() === "o") {
        event.preventDefault();
        begin();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [app]);

  return (
    <div className="page" data-left={left} data-right={right}>
      <header className="bar">
        <button type="button" className="quiet" aria-label="Agents and chats" aria-expanded={left} onClick={() => setLeft(!left)}>
          <PanelLeft size={18} />
        </button>
        <strong className="brand">Turnstream</strong>
        <h1 className="grow title">{app.chat.title || app.chat.agent}</h1>
        <button type="button" className="quiet" aria-label="New chat" onClick={() => begin()}>
          <Plus size={18} />
        </button>
        <button type="button" className="quiet" aria-label="Inspector" aria-expanded={right} onClick={() => setRight(!right)}>
          <PanelRight size={18} />
        </button>
      </header>
      {left && <Sidebar app={app} />}
      <ChatView app={app} onInspect={() => setRight(true)} />
      {right && <Inspector app={app} />}
      <KeyDialog app={app} />
    </div>
  );
}

function toggle(event: KeyboardEvent, change: (next: (open: boolean) => boolean) => void): void {
  event.preventDefault();
  change((open) => !open);
}
