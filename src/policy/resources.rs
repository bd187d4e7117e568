//! The protected resources of the user's document: which entitlement, which usage key, which code shows use.

use super::key;

/// A resource that the hardened runtime guards (document, "Protected resource access"; TCC services).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// Stem of its scenario file.
    pub scenario: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// TCC services.
    pub services: &'static [&'static str],
    /// Entitlement of the hardened runtime.
    pub entitlement: &'static str,
    /// Usage keys that count on macOS; the first is the one to add.
    pub usage_keys: &'static [&'static str],
    /// Keys without effect that people write instead.
    pub wrong_usage_keys: &'static [&'static str],
    /// Entitlements without effect that people write instead.
    pub wrong_entitlements: &'static [&'static str],
    /// Undefined symbols that show use.
    pub symbols: &'static [&'static str],
    /// In the sandbox one of these must be there; the first is the one to add.
    pub sandbox_keys: &'static [&'static str],
}

impl Resource {
    /// The usage keys that a version of macOS looks for; `None` means the current ones. The calendars' changed with macOS 14.
    pub fn usage_keys_on(&self, os: Option<(u16, u16)>) -> impl Iterator<Item = &'static str> {
        let is_new = os.is_none_or(|os| os >= (14, 0));
        let detailed = |key: &str| key.contains("FullAccess") || key.contains("WriteOnly");
        let split = self.usage_keys.iter().any(|key| detailed(key));
        self.usage_keys.iter().copied().filter(move |key| !split || detailed(key) == is_new)
    }
}

/// What a service of TCC asks of the Info.plist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// This key; without it the program is ended, or refused.
    Required(&'static str),
    /// This key gives the reason in the prompt.
    Optional(&'static str),
    /// Nothing: the user adds the program in System Settings.
    None,
}

/// A service of TCC for which the hardened runtime has no entitlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// `kTCCService…`
    pub name: &'static str,
    /// What it asks of the Info.plist.
    pub usage: Usage,
}

const fn service(name: &'static str, usage: Usage) -> Service {
    Service { name, usage }
}

/// Services without an entitlement of the hardened runtime (Apple: the pages of the usage keys; tccd's logs).
pub const SERVICES: &[Service] = &[
    service("kTCCServiceSpeechRecognition", Usage::Required("NSSpeechRecognitionUsageDescription")),
    service("kTCCServiceBluetoothAlways", Usage::Required("NSBluetoothAlwaysUsageDescription")),
    service("kTCCServiceMediaLibrary", Usage::Required("NSAppleMusicUsageDescription")),
    service("kTCCServiceMotion", Usage::Required("NSMotionUsageDescription")),
    service("kTCCServiceAudioCapture", Usage::Required("NSAudioCaptureUsageDescription")),
    service("kTCCServiceSystemPolicyDesktopFolder", Usage::Optional("NSDesktopFolderUsageDescription")),
    service("kTCCServiceSystemPolicyDocumentsFolder", Usage::Optional("NSDocumentsFolderUsageDescription")),
    service("kTCCServiceSystemPolicyDownloadsFolder", Usage::Optional("NSDownloadsFolderUsageDescription")),
    service("kTCCServiceSystemPolicyRemovableVolumes", Usage::Optional("NSRemovableVolumesUsageDescription")),
    service("kTCCServiceSystemPolicyNetworkVolumes", Usage::Optional("NSNetworkVolumesUsageDescription")),
    service("kTCCServiceFileProviderDomain", Usage::Optional("NSFileProviderDomainUsageDescription")),
    service("kTCCServiceSystemPolicyAppData", Usage::Optional("NSAppDataUsageDescription")),
    service("kTCCServiceScreenCapture", Usage::None),
    service("kTCCServiceAccessibility", Usage::None),
    service("kTCCServiceListenEvent", Usage::None),
    service("kTCCServicePostEvent", Usage::None),
    service("kTCCServiceSystemPolicyAllFiles", Usage::None),
    service("kTCCServiceSystemPolicyAppBundles", Usage::None),
    service("kTCCServiceDeveloperTool", Usage::None),
];

/// The seven resources of the document.
pub const RESOURCES: &[Resource] = &[
    Resource {
        scenario: "microphone",
        name: "the microphone",
        services: &["kTCCServiceMicrophone"],
        entitlement: key::AUDIO_INPUT,
        usage_keys: &["NSMicrophoneUsageDescription"],
        wrong_usage_keys: &["NSMicrophoneDescription", "NSMicrophoneUsage", "NSAudioUsageDescription"],
        wrong_entitlements: &["com.apple.security.device.microphone"],
        symbols: &[
            "_OBJC_CLASS_$_AVAudioRecorder",
            "_OBJC_CLASS_$_AVCaptureAudioDataOutput",
            "_OBJC_CLASS_$_AVCaptureAudioFileOutput",
            "_AudioQueueNewInput",
            "_alcCaptureOpenDevice",
        ],
        sandbox_keys: &[key::AUDIO_INPUT, key::MICROPHONE],
    },
    Resource {
        scenario: "camera",
        name: "the camera",
        services: &["kTCCServiceCamera"],
        entitlement: key::CAMERA,
        usage_keys: &["NSCameraUsageDescription"],
        wrong_usage_keys: &["NSCameraDescription", "NSCameraUsage", "NSVideoUsageDescription"],
        wrong_entitlements: &[],
        symbols: &[
            "_OBJC_CLASS_$_AVCaptureVideoDataOutput",
            "_OBJC_CLASS_$_AVCapturePhotoOutput",
            "_OBJC_CLASS_$_AVCaptureMovieFileOutput",
            "_OBJC_CLASS_$_AVCaptureVideoPreviewLayer",
        ],
        sandbox_keys: &[key::CAMERA],
    },
    Resource {
        scenario: "location",
        name: "the location",
        services: &[],
        entitlement: key::LOCATION,
        usage_keys: &["NSLocationUsageDescription"],
        wrong_usage_keys: &[
            "NSLocationWhenInUseUsageDescription",
            "NSLocationAlwaysUsageDescription",
            "NSLocationAlwaysAndWhenInUseUsageDescription",
            "NSLocationDescription",
        ],
        wrong_entitlements: &["com.apple.security.device.location"],
        symbols: &["_OBJC_CLASS_$_CLLocationManager"],
        sandbox_keys: &[key::LOCATION],
    },
    Resource {
        scenario: "contacts",
        name: "the contacts",
        services: &["kTCCServiceAddressBook"],
        entitlement: key::CONTACTS,
        usage_keys: &["NSContactsUsageDescription"],
        wrong_usage_keys: &["NSContactUsageDescription", "NSAddressBookUsageDescription"],
        wrong_entitlements: &["com.apple.security.personal-information.contacts"],
        symbols: &["_OBJC_CLASS_$_CNContactStore", "_OBJC_CLASS_$_ABAddressBook", "_ABGetSharedAddressBook"],
        sandbox_keys: &[key::CONTACTS],
    },
    Resource {
        scenario: "calendars",
        name: "the calendars",
        services: &["kTCCServiceCalendar", "kTCCServiceReminders"],
        entitlement: key::CALENDARS,
        usage_keys: &[
            "NSCalendarsUsageDescription",
            "NSCalendarsFullAccessUsageDescription",
            "NSCalendarsWriteOnlyAccessUsageDescription",
            "NSRemindersUsageDescription",
            "NSRemindersFullAccessUsageDescription",
        ],
        wrong_usage_keys: &["NSCalendarUsageDescription", "NSCalendarFullAccessUsageDescription", "NSReminderUsageDescription"],
        wrong_entitlements: &["com.apple.security.personal-information.calendar", "com.apple.security.personal-information.reminders"],
        symbols: &["_OBJC_CLASS_$_EKEventStore"],
        sandbox_keys: &[key::CALENDARS],
    },
    Resource {
        scenario: "photos",
        name: "the Photos library",
        services: &["kTCCServicePhotos", "kTCCServicePhotosAdd"],
        entitlement: key::PHOTOS,
        usage_keys: &["NSPhotoLibraryUsageDescription"],
        wrong_usage_keys: &["NSPhotosUsageDescription", "NSPhotosLibraryUsageDescription", "NSPhotoLibraryAddUsageDescription"],
        wrong_entitlements: &["com.apple.security.personal-information.photos", "com.apple.security.assets.pictures.read-only"],
        symbols: &["_OBJC_CLASS_$_PHPhotoLibrary", "_OBJC_CLASS_$_PHAsset"],
        sandbox_keys: &[key::PHOTOS],
    },
    Resource {
        scenario: "apple-events",
        name: "Apple events to other apps",
        services: &["kTCCServiceAppleEvents"],
        entitlement: key::APPLE_EVENTS,
        usage_keys: &["NSAppleEventsUsageDescription"],
        wrong_usage_keys: &["NSAppleEventUsageDescription", "NSAppleScriptUsageDescription"],
        wrong_entitlements: &[
            "com.apple.security.scripting-targets",
            "com.apple.security.temporary-exception.apple-events",
            "com.apple.security.apple-events",
        ],
        symbols: &[
            "_OBJC_CLASS_$_NSAppleScript",
            "_OBJC_CLASS_$_SBApplication",
            "_OBJC_CLASS_$_OSAScript",
            "_AESend",
            "_AESendMessage",
            "_AEDeterminePermissionToAutomateTarget",
        ],
        sandbox_keys: &[key::SCRIPTING_TARGETS, key::SCRIPTING_EXCEPTION],
    },
];

/// The resource a TCC service, entitlement or usage key belongs to.
pub fn resource(word: &str) -> Option<&'static Resource> {
    RESOURCES.iter().find(|r| r.services.contains(&word) || r.entitlement == word || r.usage_keys.contains(&word))
}
