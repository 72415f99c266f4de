import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Page } from "./Page";
import { load } from "./chats";
import "./styles.css";

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
void load();
