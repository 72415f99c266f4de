import { Menu } from "@base-ui/react/menu";
import { Ellipsis, Search } from "lucide-react";
import { useState } from "react";

import type { Thread } from "./api";
import { chooseAgent, open, remove, rename, type App } from "./chats";

export function Sidebar({ app }: { app: App }) {
  const [query, setQuery] = useState("");
  const wanted = query.trim().toLowerCase();
  const found = app.threads.filter((thread) => (thread.title ?? thread.id).toLowerCase().includes(wanted));
  return (
    <nav className="side" aria-label="Agents and chats">
      <h2 id="agents">Agents</h2>
      <ul aria-labelledby="agents">
        {app.agents.map((agent) => (
          <li key={agent.id}>
            <button
              type="button"
              className="row"
              aria-current={agent.id === app.chat.agent}
              onClick={() => chooseAgent(agent.id)}
            >
              <span>{agent.id}</span>
              {agent.description && <small>{agent.description}</small>}
            </button>
          </li>
        ))}
      </ul>
      <h2 id="chats">Chats</h2>
      {app.settings?.threads ? (
        <>
          <label className="search">
            <Search size={14} aria-hidden />
            <input type="search" placeholder="Search titles" aria-label="Search titles" value={query} onChange={(event) => setQuery(event.target.value)} />
          </label>
          <ul aria-labelledby="chats">
            {found.map((thread) => (
              <ThreadRow key={`${thread.agent}/${thread.id}`} thread={thread} current={thread.id === app.chat.id} />
            ))}
          </ul>
          {found.length === 0 && <p className="hint">{wanted ? "No title has these words." : "What you ask is kept here."}</p>}
        </>
      ) : (
        <p className="hint">This server keeps no chats: start it with a store, and they stay.</p>
      )}
    </nav>
  );
}

function ThreadRow({ thread, current }: { thread: Thread; current: boolean }) {
  const [title, setTitle] = useState<string | null>(null);
  const shown = thread.title ?? thread.id;
  if (title !== null) {
    const done = (save: boolean) => {
      if (save && title.trim()) void rename(thread, title.trim());
      setTitle(null);
    };
    return (
      <li>
        <input
          autoFocus
          aria-label="Title"
          value={title}
          onChange={(event) => setTitle(event.target.value)}
          onBlur={() => done(true)}
          onKeyDown={(event) => {
            if (event.key === "Enter") done(true);
            if (event.key === "Escape") done(false);
          }}
        />
      </li>
    );
  }
  return (
    <li className="thread">
      <button type="button" className="row" aria-current={current} onClick={() => void open(thread)}>
        <span>{shown}</span>
        <small>
          {thread.agent} · {when(thread.updated_at)}
        </small>
      </button>
      <Menu.Root>
        <Menu.Trigger className="quiet" aria-label={`Actions for ${shown}`}>
          <Ellipsis size={16} />
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Positioner sideOffset={4} align="end">
            <Menu.Popup className="menu">
              <Menu.Item onClick={() => setTitle(shown)}>Rename</Menu.Item>
              <Menu.Item onClick={() => void remove(thread)}>Delete</Menu.Item>
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      </Menu.Root>
    </li>
  );
}

function when(seconds: number): string {
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
