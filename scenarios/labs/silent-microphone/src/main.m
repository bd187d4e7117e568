// Asks for the microphone. The usage string is in Info.plist; the hardened runtime also wants the audio-input entitlement.
#include <stdio.h>
#include <unistd.h>

@class NSString;
extern NSString *const AVMediaTypeAudio;

__attribute__((objc_root_class))
@interface AVCaptureDevice
+ (void)requestAccessForMediaType:(NSString *)mediaType completionHandler:(void (^)(signed char granted))handler;
@end

int main(void) {
    [AVCaptureDevice requestAccessForMediaType:AVMediaTypeAudio
                             completionHandler:^(signed char granted) {
                                 printf("Voicenote: microphone %s\n", granted ? "granted" : "denied");
                             }];
    sleep(30);
    return 0;
}
