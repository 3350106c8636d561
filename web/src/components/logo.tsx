// The product's name with its mark, or the tenant's own picture, which stands for both.
export function Logo({
  product,
  company,
  picture = null,
}: {
  product: string;
  company?: string;
  picture?: string | null;
}) {
  if (picture) {
    return (
      <span class="logo">
        <img class="logo-picture" src={picture} alt={product} />
        {company && company !== product && <span class="logo-company">{company}</span>}
      </span>
    );
  }
  return (
    <span class="logo">
      <svg class="logo-mark" width="28" height="28" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="9" class="logo-ground" />
        <path
          d="M21.6 11.2a7 7 0 1 0 0 9.6"
          fill="none"
          class="logo-stroke"
          stroke-width="3.2"
          stroke-linecap="round"
        />
        <circle cx="21.8" cy="16" r="2.3" class="logo-dot" />
      </svg>
      <span class="logo-name">{product}</span>
      {company && company !== product && <span class="logo-company">{company}</span>}
    </span>
  );
}
