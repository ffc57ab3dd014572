// The systemd unit of the daemon. The daemon needs only its own folders and the network.

export const systemdUnit = (command: readonly string[]): string => `[Unit]
Description=calbus agent: licenses for this terminal server
Documentation=man:pam_exec(8)
Wants=network-online.target
After=network-online.target
Before=xrdp-sesman.service

[Service]
ExecStart=${command.map((w) => (/[\s"%$\\]/.test(w) ? JSON.stringify(w).replaceAll(/[%$]/g, '$&$&') : w)).join(' ')}
Restart=always
RestartSec=1
RuntimeDirectory=calbus
RuntimeDirectoryMode=0755
StateDirectory=calbus
StateDirectoryMode=0700
UMask=0077
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
LockPersonality=yes

[Install]
WantedBy=multi-user.target
`;
