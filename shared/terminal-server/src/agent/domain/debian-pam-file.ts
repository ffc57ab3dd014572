/** For tests: the file /etc/pam.d/xrdp-sesman of Debian's package xrdp. */
export const DEBIAN = `#%PAM-1.0
auth required pam_env.so readenv=1
auth required pam_env.so readenv=1 envfile=/etc/default/locale
@include common-auth
@include common-account
@include common-session
@include common-password
`;
