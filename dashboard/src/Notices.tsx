import { dismiss, useNotices } from "./announce";

/** Notices in a corner; refusals interrupt a screen reader, the others wait. */
export function Notices() {
  const notices = useNotices();
  const refusals = notices.filter((notice) => notice.kind === "refusal");
  const others = notices.filter((notice) => notice.kind !== "refusal");
  return (
    <div className="notices">
      <div role="alert">
        {refusals.map((notice) => (
          <p key={notice.id} className="notice refusal">
            <span>
              <b>Refused:</b> {notice.text}
            </span>
            <button type="button" className="quiet" onClick={() => dismiss(notice.id)}>
              <span aria-hidden="true">✕</span>
              <span className="unseen">Dismiss</span>
            </button>
          </p>
        ))}
      </div>
      <div role="status">
        {others.map((notice) => (
          <p key={notice.id} className={notice.kind === "quiet" ? "unseen" : "notice"}>
            {notice.text}
          </p>
        ))}
      </div>
    </div>
  );
}
