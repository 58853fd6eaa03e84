import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useState, useSyncExternalStore } from "react";
import { getToken, isTokenWanted, onToken, postponeToken, setToken } from "../api/token";
import { Dialog } from "./Dialog";

/** Asks for the access token when the server wants one. */
export function TokenDialog() {
  const isWanted = useSyncExternalStore(onToken, isTokenWanted);
  return isWanted ? <Ask /> : null;
}

function Ask() {
  const id = useId();
  const client = useQueryClient();
  const [text, setText] = useState("");
  const wasRefused = getToken() !== null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setToken(text.trim());
    client.resetQueries();
  };
  return (
    <Dialog title="Access token" onClose={postponeToken}>
      <form onSubmit={submit}>
        <p>
          {wasRefused ? "The server refused the token. " : "The server wants a token. "}
          One that it takes is kept for this tab only, until the tab is closed.
        </p>
        <label htmlFor={id}>Token</label>
        <input
          id={id}
          type="password"
          autoComplete="off"
          required
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <div className="actions">
          <button type="submit" className="primary">
            Connect
          </button>
        </div>
      </form>
    </Dialog>
  );
}
