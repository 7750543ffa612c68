// Numbers and dates, formatted for people.
const compactFormat = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const groupedFormat = new Intl.NumberFormat("en");

export const compact = (number) => compactFormat.format(number).replace("K", "k");
export const grouped = (number) => groupedFormat.format(number);

const shortDayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const longDayFormat = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

export const shortDay = (isoDate) => shortDayFormat.format(new Date(isoDate));
export const longDay = (isoDate) => longDayFormat.format(new Date(isoDate));
