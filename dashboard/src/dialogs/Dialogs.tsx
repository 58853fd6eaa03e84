import { DeleteDialog } from "./DeleteDialog";
import { useOpened } from "./opened";
import { RunDialog } from "./RunDialog";
import { ShortcutsDialog } from "./ShortcutsDialog";
import { StartDialog } from "./StartDialog";
import { TokenDialog } from "./TokenDialog";
import { WidgetsDialog } from "./WidgetsDialog";

function Opened() {
  const opened = useOpened();
  if (opened?.kind === "shortcuts") return <ShortcutsDialog />;
  if (opened?.kind === "widgets") return <WidgetsDialog />;
  if (opened?.kind === "start") return <StartDialog />;
  if (opened?.kind === "run") return <RunDialog run={opened.run} />;
  if (opened?.kind === "delete") return <DeleteDialog run={opened.run} />;
  return null;
}

export function Dialogs() {
  return (
    <>
      <Opened />
      <TokenDialog />
    </>
  );
}
