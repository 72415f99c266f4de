import { Dialog } from "@base-ui/react/dialog";
import { useState } from "react";

import { enterKey, type App } from "./chats";

export function KeyDialog({ app }: { app: App }) {
  const [key, setKey] = useState("");
  return (
    <Dialog.Root open={app.needsKey} modal disablePointerDismissal>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog">
          <Dialog.Title>This server asks for a key</Dialog.Title>
          <Dialog.Description>It is kept in this tab alone, and forgotten when the tab is closed.</Dialog.Description>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              void enterKey(key.trim());
            }}
          >
            <label>
              API key
              <input type="password" autoComplete="off" value={key} onChange={(event) => setKey(event.target.value)} />
            </label>
            {app.problem && <p role="alert">{app.problem}</p>}
            <button type="submit" className="primary" disabled={key.trim() === ""}>
              Continue
            </button>
          </form>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
