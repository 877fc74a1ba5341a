// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IERC721Enumerable} from "@openzeppelin/contracts-shanghai/token/ERC721/extensions/IERC721Enumerable.sol";

/// What a bridge needs of the image of a collection at home on the other chain. OP's, with its identifier.
interface IOptimismMintableERC721 is IERC721Enumerable {
    event Mint(address indexed account, uint256 tokenId);
    event Burn(address indexed account, uint256 tokenId);

    function safeMint(address _to, uint256 _tokenId) external;

    function burn(address _from, uint256 _tokenId) external;

    function REMOTE_CHAIN_ID() external view returns (uint256);

    function REMOTE_TOKEN() external view returns (address);

    function BRIDGE() external view returns (address);

    function remoteChainId() external view returns (uint256);

    function remoteToken() external view returns (address);

    function bridge() external view returns (address);
}
